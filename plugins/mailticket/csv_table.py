"""CSV as people and spreadsheets write it (RFC 4180 and its relatives): rows with their lines."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MOST_BYTES = 64 * 1024**2
MOST_ROWS = 500_000
_CELL_CHARACTERS = 100_000
_DELIMITERS = ",;\t"
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class CsvFault:
    """One wrong place in a file."""

    line: int
    """From 1; 0: the file as a whole."""
    column: str
    """As the header row names it; ``""``: the whole line."""
    value: str
    allowed: str
    """What is wrong, or what would be right."""

    def __str__(self) -> str:
        where = f"line {self.line}" if self.line else "file"
        if not self.column:
            return f"{where}: {self.allowed}"
        shown = self.value if len(self.value) <= 80 else f"{self.value[:79]}…"  # noqa: PLR2004
        return f"{where}: {self.column} = {shown!r}: {self.allowed}"


@dataclass(frozen=True, slots=True)
class CsvRow:
    """A row with as many cells as the header row, white space around them gone."""

    line: int
    """Where it begins."""
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CsvTable:
    """A file that was read; with faults its rows are not all of them."""

    header: CsvRow
    rows: tuple[CsvRow, ...]
    faults: tuple[CsvFault, ...] = ()


def read_csv(octets: bytes) -> CsvTable:
    """Read CSV in UTF-8; comma, semicolon or tab, as the header row has it."""
    empty = CsvRow(1, ())
    if len(octets) > MOST_BYTES:
        fault = CsvFault(0, "", "", f"{len(octets):,} bytes, at most {MOST_BYTES:,} are taken")
        return CsvTable(empty, (), (fault,))
    try:
        text = _decoded(octets)
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        what = f"byte 0x{octets[error.start]:02x} is not UTF-8: save the file as CSV in UTF-8"
        return CsvTable(empty, (), (CsvFault(line, "", "", what),))
    faults: list[CsvFault] = []
    records = _records(text, faults)
    header = next(records, None)
    if header is None:
        said = faults or [CsvFault(1, "", "", "there is no header row with the columns' names")]
        return CsvTable(empty, (), tuple(said))
    rows = tuple(_rectangular(header, records, faults))
    return CsvTable(header, rows, tuple(faults))


def _decoded(octets: bytes) -> str:
    if octets.startswith(_UTF_16):
        raise UnicodeDecodeError("utf-8", octets, 0, 1, "UTF-16")
    return octets.decode("utf-8-sig")


def _delimiter(text: str) -> str:
    """Take what the header row has most of; names of columns have none of them."""
    first = next((line for line in text[:_CELL_CHARACTERS].splitlines() if line.strip()), "")
    return max(_DELIMITERS, key=first.count)


def _records(text: str, faults: list[CsvFault]) -> Iterator[CsvRow]:
    """Give each record that is not empty, up to the first that cannot be read."""
    csv.field_size_limit(_CELL_CHARACTERS)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            faults.append(CsvFault(line, "", "", _told(error)))
            return
        if any(cell.strip() for cell in cells):
            yield CsvRow(line, tuple(cell.strip() for cell in cells))


def _told(error: csv.Error) -> str:
    if "field larger" in str(error):
        return f"a cell has more than {_CELL_CHARACTERS:,} characters; is a quote not closed?"
    if "unexpected end" in str(error):
        return "a quote is not closed"
    return f"this is not CSV ({error}); double a quote that belongs to the text"


def _rectangular(
    header: CsvRow, records: Iterator[CsvRow], faults: list[CsvFault]
) -> Iterator[CsvRow]:
    for number, row in enumerate(records):
        if number == MOST_ROWS:
            faults.append(CsvFault(row.line, "", "", f"at most {MOST_ROWS:,} rows are taken"))
            return
        if len(row.cells) != len(header.cells):
            has, wanted = len(row.cells), len(header.cells)
            told = f"{has} cells where the header row has {wanted}; {_hint(has, wanted)}"
            faults.append(CsvFault(row.line, "", "", told))
        else:
            yield row


def _hint(has: int, wanted: int) -> str:
    if has > wanted:
        return "quote a cell that holds the delimiter"
    return "leave empty cells in place"


def names(header: Sequence[str]) -> tuple[str, ...]:
    """Write the names in a header row as columns are named: ``First name`` → ``first_name``."""
    return tuple("_".join(cell.lower().split()) for cell in header)
