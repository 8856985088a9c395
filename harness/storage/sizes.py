"""Sizes in bytes, as people write and read them."""

from __future__ import annotations

import math
import re

from harness.errors import InputError

_UNITS = ("B", "kB", "MB", "GB", "TB")


def readable(size: float) -> str:
    """A number of bytes as people write it."""
    power = min(int(math.log10(size)) // 3, len(_UNITS) - 1) if size >= 1 else 0
    value = size / 1000**power
    return f"{value:.0f} {_UNITS[power]}" if power < 2 or value >= 100 else f"{value:.1f} {_UNITS[power]}"


def parse_size(text: str, what: str) -> int:
    """Bytes of ``20GB``, ``1.5 tb`` or ``0``.

    Raises:
        InputError: it is no size; ``what`` is named.
    """
    powers = {unit.upper(): power for power, unit in enumerate(_UNITS) if power}
    number = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Z]*)", text.strip().upper())
    if number is None or (number[2] not in powers and float(number[1]) != 0):
        raise InputError(f"{what} is {text!r}: write a size such as 20GB or 500MB, or 0 to store nothing")
    return int(float(number[1]) * 1000 ** powers.get(number[2], 0))
