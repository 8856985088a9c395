"""Return freed memory to the system: glibc keeps and fragments large blocks, which doubles peak memory."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache


@cache
def _trim() -> Callable[[int], int] | None:
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            trim: Callable[[int], int] = ctypes.CDLL("libc.so.6").malloc_trim
            return trim
    return None


def release_freed_memory() -> None:
    """Return freed heap memory to the system; does nothing where the allocator is another. Costs milliseconds."""
    if (trim := _trim()) is not None:
        trim(0)
