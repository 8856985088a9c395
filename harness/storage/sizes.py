"""Sizes in bytes, as people write and read them."""

from __future__ import annotations

import re

from harness.errors import InputError

_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def human_size(size: float) -> str:
    """``4.2 GB``: three digits at most, in powers of a thousand."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.1f} {unit}" if size < 9.95 and unit != "bytes" else f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def parse_size(text: str, what: str) -> int:
    """Bytes of ``20GB``, ``1.5 tb`` or ``0``.

    Raises:
        InputError: it is no size; ``what`` is named.
    """
    number = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kKmMgGtT]?[bB]?)\s*", text)
    unit = (number[2].upper() if number else "").removesuffix("B")
    if number is None or (unit == "" and float(number[1]) != 0):
        raise InputError(f"{what} is {text!r}: write a size such as 20GB or 500MB, or 0 to store nothing")
    return int(float(number[1]) * _UNITS[f"{unit}B" if unit else ""])
