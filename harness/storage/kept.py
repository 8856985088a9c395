"""Arrays saved by an interrupted run: complete, written by the same code, and read without unpickling."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.storage.files import atomic_path

Arrays = Mapping[str, NDArray[Any]]

_STAMP = "__stamp__"


def write_kept(path: Path, stamp: str, arrays: Arrays) -> None:
    """Write arrays by name, numbers or text; ``stamp`` says what made them.

    Raises:
        OSError: there is no room.
    """
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **{_STAMP: np.array(stamp)}, **arrays)


def read_kept(path: Path, stamp: str) -> dict[str, NDArray[Any]]:
    """What :func:`write_kept` wrote.

    Raises:
        ValueError: the file is damaged, or was made by other code; says so in a few words.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error, NotImplementedError):
        raise ValueError("is damaged") from None
    if str(arrays.pop(_STAMP, "")) != stamp:
        raise ValueError("was written by another version")
    return arrays
