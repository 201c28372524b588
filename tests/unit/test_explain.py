"""explain: one object for each file, whatever the file is."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mailticket.__main__ import main
from mailticket.apart import Apart, Lost
from mailticket.explaining import for_person

PROGRAM = Path(__file__).parents[2] / "bin" / "mailticket"
MAIL = b"""\
From: =?utf-8?q?Zo=C3=AB?= <zoe@acme.example>
To: Help <help@example.com>, desk@example.com
Cc: Ben <ben@acme.example>
Reply-To: zoe@home.example
Subject: Re: Printer
Date: Mon, 02 Nov 2026 09:00:00 +0100
Message-ID: <2@acme.example>
In-Reply-To: <1@example.com>
References: <0@example.com> <1@example.com>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=x

--x
Content-Type: text/plain; charset=utf-8

It prints again.

On Sunday Ben wrote:
> It does not print.
--x
Content-Type: text/csv; name="list.csv"
Content-Disposition: attachment; filename="list.csv"
Content-Transfer-Encoding: base64

YTtiCg==
--x--
"""


def explained(capfdbinary: Any, *arguments: object) -> list[dict[str, Any]]:
    assert main(["explain", "--jsonl", *map(str, arguments)]) == 0
    return [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]


@pytest.fixture
def mail(tmp_path: Path) -> Path:
    path = tmp_path / "reply.eml"
    path.write_bytes(MAIL)
    return path


def test_a_mail_is_told_with_every_key_of_the_contract(mail: Path, capfdbinary: Any) -> None:
    [told] = explained(capfdbinary, mail)
    message = told.pop("message")
    assert told == {"file": str(mail), "ok": True, "error": None, "decision": None}
    body, new_part = message.pop("body"), message.pop("new_part")
    assert body.keys() == {"content_type", "html", "text"}
    assert body["content_type"] == "text/plain"
    assert "> It does not print." in body["text"]
    assert new_part.keys() == {"html", "text"}
    assert new_part["text"].strip() == "It prints again."
    assert message == {
        "message_id": "2@acme.example",
        "in_reply_to": ["1@example.com"],
        "references": ["0@example.com", "1@example.com"],
        "date": "2026-11-02T09:00:00+01:00",
        "from": {"name": "Zoë", "address": "zoe@acme.example"},
        "reply_to": [{"name": "", "address": "zoe@home.example"}],
        "to": [
            {"name": "Help", "address": "help@example.com"},
            {"name": "", "address": "desk@example.com"},
        ],
        "cc": [{"name": "Ben", "address": "ben@acme.example"}],
        "subject": "Re: Printer",
        "automatic": None,
        "attachments": [
            {
                "filename": "list.csv",
                "content_type": "text/csv",
                "size": 4,
                "sha256": hashlib.sha256(b"a;b\n").hexdigest(),
                "content_id": "",
                "inline": False,
                "left_out": None,
            }
        ],
        "defects": [],
    }


def test_an_automatic_reply_is_told_by_kind_and_reason_alone(
    tmp_path: Path, capfdbinary: Any
) -> None:
    path = tmp_path / "away.eml"
    path.write_bytes(b"From: a@b.example\nAuto-Submitted: auto-replied\nSubject: Away\n\nLater\n")
    [told] = explained(capfdbinary, path)
    assert told["message"]["automatic"].keys() == {"kind", "reason"}
    assert told["message"]["automatic"]["kind"] == "auto-reply"


def test_files_that_cannot_be_read_are_told_in_their_place(
    mail: Path, tmp_path: Path, capfdbinary: Any
) -> None:
    empty = tmp_path / "empty.eml"
    empty.touch()
    told = explained(capfdbinary, tmp_path / "none.eml", mail, tmp_path, empty, mail)
    assert [one["ok"] for one in told] == [False, True, False, True, True]
    assert told[0]["error"] == "No such file or directory"
    assert told[2]["error"] == "Is a directory"
    assert told[0]["message"] is None


def test_a_file_name_that_is_no_utf_8_comes_back_as_the_same_bytes(
    mail: Path, tmp_path: Path, capfdbinary: Any
) -> None:
    name = os.fsencode(tmp_path) + b"/caf\xe9.eml"
    Path(os.fsdecode(name)).write_bytes(mail.read_bytes())
    assert main(["explain", "--jsonl", os.fsdecode(name)]) == 0
    out = capfdbinary.readouterr().out
    assert out.isascii()
    assert os.fsencode(json.loads(out)["file"]) == name


def test_a_mail_above_a_limit_is_refused_whole_and_the_next_one_is_read(
    mail: Path, tmp_path: Path, capfdbinary: Any
) -> None:
    endless = tmp_path / "endless.eml"
    endless.write_bytes(b"From: a@b.example\n" + b"X-Long: aaaa\n" * 100_000 + b"\nbody\n")
    refused, read = explained(capfdbinary, endless, mail)
    assert refused["ok"] is False
    assert "limit_header_bytes" in refused["error"]
    assert read["ok"] is True


def test_a_file_above_the_ceiling_is_not_read(tmp_path: Path, capfdbinary: Any) -> None:
    huge = tmp_path / "huge.eml"
    with huge.open("wb") as file:
        file.write(MAIL)
        file.truncate(300 * 1024**2)
    started = time.monotonic()
    [told] = explained(capfdbinary, huge)
    assert time.monotonic() - started < 2
    assert (told["ok"], told["message"]) == (False, None)
    assert "314,572,800 bytes" in told["error"]


def test_names_of_files_come_from_a_list_with_any_line_end(
    mail: Path, tmp_path: Path, capfdbinary: Any
) -> None:
    names = tmp_path / "names"
    names.write_bytes(b"%b\r\n\n%b\n%b\0%b" % ((os.fsencode(mail),) * 4))
    assert len(explained(capfdbinary, "--files-from", names)) == 4


def test_each_line_is_written_before_the_next_name_is_read(mail: Path) -> None:
    command = [PROGRAM, "explain", "--jsonl", "--files-from", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        for _ in range(3):
            program.stdin.write(os.fsencode(mail) + b"\n")
            program.stdin.flush()
            assert json.loads(program.stdout.readline())["ok"] is True
        program.stdin.close()
        assert program.wait(10) == 0


def test_a_mail_comes_from_standard_input(mail: Path) -> None:
    with mail.open("rb") as typed:
        told = subprocess.run(
            [PROGRAM, "explain", "--jsonl", "-", mail], stdin=typed, capture_output=True, check=True
        ).stdout.splitlines()
    assert json.loads(told[0])["message"] == json.loads(told[1])["message"]
    assert json.loads(told[0])["file"] == "-"


def test_a_bare_text_body_is_cut_as_a_reply(tmp_path: Path, capfdbinary: Any) -> None:
    path = tmp_path / "body.txt"
    path.write_bytes("Grüße\r\n\r\nOn Sunday Ben wrote:\r\n> Hello\r\n".encode())
    [told] = explained(capfdbinary, "--body", path)
    message = told["message"]
    assert message["body"]["text"] == "Grüße\n\nOn Sunday Ben wrote:\n> Hello"
    assert message["body"]["content_type"] == "text/plain"
    assert message["new_part"]["text"].strip() == "Grüße"
    assert "Grüße" in message["new_part"]["html"]
    assert (message["from"], message["date"], message["attachments"]) == (None, None, [])


def test_a_bare_html_body_is_sanitised_and_cut_as_a_reply(tmp_path: Path, capfdbinary: Any) -> None:
    path = tmp_path / "body.html"
    path.write_text("<p>New</p><script>alert(1)</script><blockquote type=cite>Old</blockquote>")
    [told] = explained(capfdbinary, "--body-html", path)
    message = told["message"]
    assert message["body"]["content_type"] == "text/html"
    assert "script" not in message["body"]["html"]
    assert "Old" in message["body"]["text"]
    assert message["new_part"]["text"].strip() == "New"


def test_without_an_inbox_airflow_is_not_imported(mail: Path) -> None:
    program = (
        "import sys; from mailticket.__main__ import main; "
        f"main(['explain', '--jsonl', {str(mail)!r}]); "
        "sys.exit(bool({'airflow', 'pydantic', 'sqlalchemy'} & set(sys.modules)))"
    )
    plugins = str(PROGRAM.parents[1] / "plugins")
    environment = {**os.environ, "PYTHONPATH": plugins}
    assert (
        subprocess.run([sys.executable, "-c", program], env=environment, check=False).returncode
        == 0
    )


def test_no_file_at_all_is_a_wrong_command_line(capfdbinary: Any) -> None:
    assert main(["explain", "--jsonl"]) == 2
    assert b"name files" in capfdbinary.readouterr().err


def test_a_list_that_is_not_there_is_said(capfdbinary: Any) -> None:
    assert main(["explain", "--files-from", "/nowhere/names"]) == 1
    assert b"No such file" in capfdbinary.readouterr().err


def test_a_person_reads_the_same_as_plain_text(mail: Path, capfdbinary: Any) -> None:
    assert main(["explain", str(mail)]) == 0
    told = capfdbinary.readouterr().out.decode()
    for line in (
        "from         Zoë <zoe@acme.example>",
        "    > It does not print.",
        "new part:\n    It prints again.",
        "    list.csv   text/csv      4",
    ):
        assert line in told


def test_a_person_reads_the_decision_rule_by_rule() -> None:
    told = for_person(
        {
            "file": "a.eml",
            "error": None,
            "message": None,
            "decision": {
                "verdict": "create",
                "decided_by": "create_ticket",
                "reason": "a new UserRequest",
                "steps": [
                    {"rule": "too_big", "outcome": "miss", "detail": ""},
                    {"rule": "closed_ticket", "outcome": "skipped", "detail": ""},
                    {"rule": "create_ticket", "outcome": "hit", "detail": "a new UserRequest"},
                ],
                "changes": [
                    {"change": "create_ticket", "class": "UserRequest", "fields": {"title": "x"}}
                ],
            },
        }
    )
    assert "decision: create by create_ticket: a new UserRequest" in told
    assert "    – too_big\n" in told
    assert "    · closed_ticket\n" in told
    assert "    ✓ create_ticket  a new UserRequest\n" in told
    assert "    create ticket: class UserRequest, title x\n" in told


def test_a_mail_cannot_steer_the_terminal(tmp_path: Path, capfdbinary: Any) -> None:
    path = tmp_path / "evil.eml"
    path.write_bytes(
        "From: a@b.example\nSubject: \x1b]0;owned\x07 \u202egnp.exe\n\n\x1b[2J\x9bgone\n".encode()
    )
    main(["explain", str(path)])
    told = capfdbinary.readouterr().out.decode()
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(told)
    assert "\\u202egnp.exe" in told
    assert "gone" in told


def test_what_kills_the_decoder_costs_one_answer() -> None:
    def answer(question: str) -> bytes:
        if question == "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        if question == "leave":
            os._exit(3)
        return question.encode()

    with Apart(answer, 10) as apart:
        assert apart.ask("one") == b"one"
        with pytest.raises(Lost, match="signal 9"):
            apart.ask("crash")
        assert apart.ask("two") == b"two"
        with pytest.raises(Lost, match="exit status 3"):
            apart.ask("leave")
        assert apart.ask("three") == b"three"


def test_what_takes_the_decoder_too_long_costs_one_answer() -> None:
    def answer(question: str) -> bytes:
        time.sleep(60 if question == "slow" else 0)
        return question.encode()

    with Apart(answer, 0.2) as apart:
        started = time.monotonic()
        with pytest.raises(Lost, match=r"limit_seconds.*0\.2 seconds"):
            apart.ask("slow")
        assert apart.ask("quick") == b"quick"
        assert time.monotonic() - started < 5
