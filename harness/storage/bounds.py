"""Bounds on what files from strangers may do: how far they unpack, and where their links lead."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Protocol

from harness.errors import InputError

ALWAYS = 2**26
"""Bytes that any file may unpack to, however small it is."""
RATIO = 100
"""How many times its own size a file may unpack to beyond that: text of sequences is about five times smaller."""
_STEP = 2**20


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def most_unpacked(stored: int) -> int:
    """Bytes that a file of ``stored`` bytes may unpack to."""
    return max(ALWAYS, RATIO * stored)


def check_unpacked(what: str, stored: int, unpacked: int) -> None:
    """Refuse what would fill the memory.

    Raises:
        InputError: it unpacks to far more than its size.
    """
    if unpacked > most_unpacked(stored):
        raise InputError(f"{what} of {stored:,} bytes unpacks to over {most_unpacked(stored):,}: is it a data file?")


def read_bounded(stream: _Readable, what: str, stored: int) -> bytes:
    """All that a stream unpacks to; raises as :func:`check_unpacked`, after no more than the bound."""
    parts, total = [], 0
    while part := stream.read(_STEP):
        total += len(part)
        check_unpacked(what, stored, total)
        parts.append(part)
    return b"".join(parts)


def check_zip(path: Path) -> None:
    """Refuse an archive whose members unpack to far more than the file; another kind of file passes."""
    with suppress(zipfile.BadZipFile), zipfile.ZipFile(path) as archive:
        check_unpacked(str(path), path.stat().st_size, sum(member.file_size for member in archive.infolist()))


def check_parquet(source: Path | BinaryIO, what: str, stored: int) -> None:
    """Refuse a Parquet file that says of itself that it holds far more than its size; damaged ones pass.

    Raises:
        InputError: it does.
    """
    import pyarrow
    from pyarrow.parquet import read_metadata

    try:
        metadata = read_metadata(source)
        groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    except (pyarrow.ArrowException, OSError, ValueError):
        return  # reading it says what is wrong
    check_unpacked(what, stored, sum(group.total_byte_size for group in groups))
    check_unpacked(what, stored, metadata.num_rows * metadata.num_columns)


def leads_outside(path: Path, folder: Path) -> bool:
    """Whether a path is, by its links or by ``..``, no part of ``folder``."""
    return not path.resolve().is_relative_to(folder.resolve())


def link_outside(folder: Path) -> Path | None:
    """A link in ``folder``, or the folder itself, that leads out of it; None where there is none."""
    if folder.is_symlink():
        return folder
    found: Iterable[Path] = sorted(folder.rglob("*")) if folder.is_dir() else ()
    return next((path for path in found if path.is_symlink() and leads_outside(path, folder)), None)
