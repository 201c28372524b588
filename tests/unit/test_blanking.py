"""What a server may echo of a secret, in every spelling, never reaches a log or an error."""

from __future__ import annotations

import base64
from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from mailticket.blanking import blanked

SECRET = 'pa"ss\\Word+0123/456789'
TOKEN = "eyJhbGciOi." + "dG9rZW4" * 300
Echo = Callable[[str], str]


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


ECHOES: dict[str, Echo] = {
    "as it is": str,
    "quoted": lambda secret: '"' + secret.replace("\\", "\\\\").replace('"', '\\"') + '"',
    "in a form": lambda secret: urlencode({"client_secret": secret, "scope": "x"}),
    "LOGIN": in_base64,
    "PLAIN": lambda secret: in_base64(f"\0ada@example.com\0{secret}"),
    "PLAIN, another length": lambda secret: in_base64(f"\0ada@example.co\0{secret}"),
    "PLAIN, a third": lambda secret: in_base64(f"\0ada@example.c\0{secret}"),
    "XOAUTH2": lambda secret: in_base64(f"user=ada\1auth=Bearer {secret}\1\1"),
}


@pytest.mark.parametrize("secret", [SECRET, TOKEN, "short9"])
@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_a_secret_is_taken_out_of_what_a_server_echoes(echo: Echo, secret: str) -> None:
    echoed = echo(secret)
    shown = blanked(f"Unknown command {echoed} (try again)", [secret])
    assert "…" in shown
    assert shown.startswith("Unknown command ")
    assert all(echoed[at : at + 9] not in shown or at < 8 for at in range(len(echoed) - 9))
    assert secret not in shown


@pytest.mark.parametrize("length", range(24, 60, 3))
def test_what_is_left_of_a_secret_where_words_were_cut_is_no_secret(length: int) -> None:
    shown = blanked(f"Unknown command {TOKEN}"[:length], [TOKEN])
    assert TOKEN[:4] not in shown


def test_words_without_the_secret_stay_as_they_are() -> None:
    said = "[AUTHENTICATIONFAILED] Authentication failed for ada@example.com (base64 AGFkYQ==)"
    assert blanked(said, [SECRET, TOKEN, ""]) == said


def test_a_very_short_secret_is_blanked_as_it_is_written() -> None:
    assert blanked("LOGIN ada abc", ["abc"]) == "LOGIN ada …"


def test_the_end_of_the_words_may_begin_like_a_secret_by_chance() -> None:
    assert blanked("it says pa", [SECRET]) == "it says pa"
