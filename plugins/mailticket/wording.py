"""The words of our mail: templates that an operator may change, one file a kind and language.

``<folder>/<language>/<kind>.txt``: a first line ``Subject: …``, an empty line, the text. This file
owns Jinja2. Values are never templates, so nothing that a stranger wrote is evaluated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import FileSystemLoader, StrictUndefined, TemplateError, TemplateSyntaxError
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mailticket.errors import ConfigurationError, Fault

SHIPPED = Path(__file__).resolve().parents[2] / "include" / "mail"
_FALLBACK = "en"


@dataclass(frozen=True, slots=True)
class Wording:
    """A rendered template."""

    subject: str
    text: str


class Phrasebook:
    """The templates of a site's folder and, for what it lacks, those that are shipped."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folders = tuple(f for f in (folder, SHIPPED) if f is not None)
        self.compiled = _environment(self._folders)

    def write(self, kind: str, language: str, values: Mapping[str, object]) -> Wording:
        """Render a template; ``ConfigurationError`` names the file at fault and its line."""
        name = self._name(kind, language)
        try:
            rendered = self.compiled.get_template(name).render(values)
        except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise ConfigurationError(_fault(name, error)) from error
        return _split(rendered)

    def faults(self, kinds: Mapping[str, frozenset[str]]) -> Iterator[Fault]:
        """Check each language's template of each kind against the values that it may name."""
        languages = {path.name for folder in self._folders for path in folder.glob("*/")}
        for name in sorted(f"{language}/{kind}.txt" for language in languages for kind in kinds):
            if any((folder / name).is_file() for folder in self._folders):
                yield from self._faults_of(name, kinds[Path(name).stem])

    def _faults_of(self, name: str, known: frozenset[str]) -> Iterator[Fault]:
        source = next(p for f in self._folders if (p := f / name).is_file())
        try:
            unknown = find_undeclared_variables(self.compiled.parse(source.read_text("utf-8")))
        except (TemplateError, UnicodeDecodeError) as error:
            yield _fault(name, error)
            return
        for variable in sorted(unknown - known):
            yield Fault("", f"mail template {name}", variable, f"known: {', '.join(sorted(known))}")

    def _name(self, kind: str, language: str) -> str:
        """Find ``fr-CH``, else ``fr``, else English."""
        code = language.replace("_", "-").lower()
        for candidate in (code, code.partition("-")[0]):
            name = f"{candidate}/{kind}.txt"
            plain = candidate.replace("-", "").isalnum()
            if plain and any((folder / name).is_file() for folder in self._folders):
                return name
        return f"{_FALLBACK}/{kind}.txt"


@cache
def _environment(folders: tuple[Path, ...]) -> ImmutableSandboxedEnvironment:
    """Give what keeps compiled templates; it reads a file again when it has changed."""
    return ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(folders),
        autoescape=False,  # text/plain: an escape would be shown
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _split(rendered: str) -> Wording:
    head, _, text = rendered.lstrip().partition("\n")
    label, colon, subject = head.partition(":")
    if not colon or label.strip().lower() != "subject":
        return Wording("", rendered)
    return Wording(subject.strip(), text.lstrip("\n"))


def _fault(name: str, error: Exception) -> Fault:
    line = f"line {error.lineno}: " if isinstance(error, TemplateSyntaxError) else ""
    return Fault("", f"mail template {name}", line + str(error), "a Jinja2 template")
