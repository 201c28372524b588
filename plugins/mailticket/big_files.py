"""Where messages that are too big are saved: a directory, or an object store by URL."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from mailticket.errors import MailticketError, ServiceError

_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")
_CHUNK = 1024**2
_ANEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MODE = 0o640
"""Other people's mail: not for everybody on this machine."""


def file_name(inbox: str, message: int, uidvalidity: int, uid: str) -> str:
    """Name a file after its message and place; nothing that a sender wrote is in it."""
    return f"{_UNSAFE.sub('_', inbox)}-{message}-{uidvalidity}-{_UNSAFE.sub('_', uid)[:80]}.eml"


def save(directory: str, name: str, chunks: Iterable[bytes]) -> str:
    """Write a file as a whole or not at all, and give its path or URL."""
    try:
        if "://" in directory:
            return _save_object(directory, name, chunks)
        return _save_file(Path(directory), name, chunks)
    except MailticketError:
        raise
    except Exception as error:  # an object store raises what its library has
        raise ServiceError(f"big_files_dir {directory}: {error}") from error


def _save_file(directory: Path, name: str, chunks: Iterable[bytes]) -> str:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path, part = directory / name, directory / f".{name}.{os.getpid()}.part"
    try:
        with _made_anew(part) as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        # What was killed while it wrote this file left its part of it, in no log and no row. Should
        # one still be at it, it finds the file whole.
        for left in directory.glob(f".{name}.*.part"):
            left.unlink(missing_ok=True)
        _sync_directory(directory)
    finally:
        part.unlink(missing_ok=True)
    return str(path.resolve())


def _made_anew(path: Path) -> BinaryIO:
    """Open a file that nobody else can have laid ready, as a link to one of ours for example."""
    path.unlink(missing_ok=True)  # left by a process that was killed
    return os.fdopen(os.open(path, _ANEW, _MODE), "wb")


def _sync_directory(directory: Path) -> None:
    # The name itself is on disk only when its directory is (fsync(2)).
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _object(url: str) -> Any:
    from airflow.sdk import ObjectStoragePath  # noqa: PLC0415, TID251  only where one is used

    return ObjectStoragePath(url)


def _save_object(directory: str, name: str, chunks: Iterable[bytes]) -> str:
    target = _object(directory.rstrip("/") + "/" + name)
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)
    return str(target)


def read(saved_to: str) -> Iterator[bytes]:
    """Read what was saved, chunk by chunk."""
    try:
        source = _object(saved_to) if "://" in saved_to else Path(saved_to)
        with source.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
    except Exception as error:  # an object store raises what its library has
        raise ServiceError(f"{saved_to}: {error}") from error
