"""Memory of this machine, what of it is free to this process, and returning what was freed."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import torch


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


def free_memory(root: Path = Path("/")) -> int | None:
    """Bytes that this process may still take: what the machine has available, or its control group where that is less.

    None where neither is known. ``root`` is where ``proc`` and ``sys`` are.
    """
    limits = [memory.available] if (memory := machine_memory()) is not None else []
    with suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                limits += _left_in_groups(root / "sys/fs/cgroup", path, _GROUP_FILES)
            elif "memory" in controllers.split(","):
                limits += _left_in_groups(root / "sys/fs/cgroup/memory", path, _OLD_GROUP_FILES)
    return min(limits, default=None)


_GROUP_FILES = ("memory.max", "memory.current", "inactive_file")
_OLD_GROUP_FILES = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def _left_in_groups(top: Path, path: str, names: tuple[str, str, str]) -> list[int]:
    """What a control group and those around it have left; file pages that nobody has used lately can be given up.

    In a container the path may be that of the machine, and not be there: the top is its own group then.
    """
    limit, usage, reclaimable = names
    left = []
    own = top / path.strip("/")
    for folder in (own, *own.parents):
        if not folder.is_relative_to(top):
            break
        with suppress(OSError, ValueError, KeyError):  # "max", or no such group
            statistics = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            taken = int((folder / usage).read_text()) - int(statistics[reclaimable])
            left.append(max(0, int((folder / limit).read_text()) - taken))
    return left


def free_on(device: torch.device) -> int | None:
    """Bytes that are free on a device, those that torch holds there without using them included."""
    if device.type == "cpu":
        return free_memory()
    import torch

    held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0]) + held


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
