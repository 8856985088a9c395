"""The user's cache folder, and digests of files remembered until the files change."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from harness.storage.files import write_text


def cache_folder() -> Path:
    """``$HARNESS_CACHE``, else ``~/.cache/harness``."""
    return Path(os.environ.get("HARNESS_CACHE") or Path.home() / ".cache" / "harness")


def file_digest(path: Path) -> str:
    """SHA-256 of a file; remembered under its path, size and modification time."""
    status = path.stat()
    key = hashlib.sha256(f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}".encode()).hexdigest()
    remembered = cache_folder() / "digests" / key
    with suppress(OSError):
        digest = remembered.read_text(encoding="ascii")
        if len(digest) == 64:
            return digest
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    with suppress(OSError):  # a home that cannot be written to costs time, nothing else
        write_text(remembered, digest)
    return digest
