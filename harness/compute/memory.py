"""Memory of this machine, and returning what was freed to it."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple


class Memory(NamedTuple):
    """In bytes."""

    total: int
    available: int


def machine_memory() -> Memory | None:
    """What Linux says that there is; None on other systems."""
    with suppress(OSError, ValueError, KeyError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        sizes = {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines)}
        return Memory(sizes["MemTotal"], sizes["MemAvailable"])
    return None


@cache
def _trim() -> Callable[[int], int] | None:
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            trim: Callable[[int], int] = ctypes.CDLL("libc.so.6").malloc_trim
            return trim
    return None


def release_freed_memory() -> None:
    """Return freed heap memory to the system; does nothing where the allocator is another. Costs milliseconds.

    glibc keeps and fragments large blocks, which doubles peak memory.
    """
    if (trim := _trim()) is not None:
        trim(0)
