"""Files of messages that are too big, in a directory that others may write into."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mailticket.big_files import file_name, read, save
from mailticket.errors import ServiceError


def test_a_link_laid_ready_under_the_name_of_the_part_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    directory = tmp_path / "big"
    directory.mkdir()
    (directory / f".a.eml.{os.getpid()}.part").symlink_to(precious)
    saved = save(str(directory), "a.eml", [b"a stranger's mail"])
    assert precious.read_text() == "mine"
    assert b"".join(read(saved)) == b"a stranger's mail"
    assert not Path(saved).is_symlink()


def test_a_link_under_the_final_name_is_replaced_and_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (tmp_path / "a.eml").symlink_to(precious)
    save(str(tmp_path), "a.eml", [b"mail"])
    assert precious.read_text() == "mine"
    assert (tmp_path / "a.eml").read_bytes() == b"mail"


def test_saved_mail_is_not_for_everybody_on_the_machine(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        saved = Path(save(str(tmp_path / "made" / "here"), "a.eml", [b"mail"]))
    finally:
        os.umask(before)
    assert saved.stat().st_mode & 0o7777 == 0o640
    assert saved.parent.stat().st_mode & 0o7777 == 0o700


def test_a_directory_that_an_operator_made_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    save(str(tmp_path), "a.eml", [b"mail"])
    assert tmp_path.stat().st_mode & 0o7777 == 0o755


def test_half_a_file_is_never_kept(tmp_path: Path) -> None:
    def broken() -> object:
        yield b"half"
        raise OSError("gone")

    with pytest.raises(ServiceError, match="gone"):
        save(str(tmp_path), "a.eml", broken())  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("uid", ["../../etc/passwd", "/etc/passwd", "a\0b", "x" * 5000, "..", ""])
def test_no_name_of_an_inbox_or_of_a_server_leaves_the_directory(uid: str, tmp_path: Path) -> None:
    name = file_name("../../" + uid[:100], 7, 1, uid)
    assert "/" not in name
    saved = Path(save(str(tmp_path), name, [b"mail"]))
    assert saved.parent == tmp_path.resolve()
