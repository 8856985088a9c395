"""The bytes of a data file, gzipped or not."""

from __future__ import annotations

import gzip
import zlib
from io import BytesIO
from pathlib import Path

from harness.errors import InputError
from harness.storage.bounds import read_bounded


def read_content(path: Path) -> bytes:
    """The bytes of a file, unpacked where it ends in ``.gz``.

    Raises:
        InputError: no such file, a folder, a file that is empty, damaged or may not be read, or one that
            unpacks to far more than its size.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder: give a file in it")
    try:
        content = path.read_bytes()
        if path.suffix.lower() == ".gz":
            with gzip.GzipFile(fileobj=BytesIO(content)) as stream:
                content = read_bounded(stream, str(path), len(content))
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist") from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path} is not a complete gzip file ({error}): copy it again") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    if not content.strip():
        raise InputError(f"{path} is empty")
    return content
