"""Resolve device names such as auto, cpu and cuda:1. Imports torch only where it must ask it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NoReturn

from harness.errors import InputError, Unavailable

if TYPE_CHECKING:
    import torch

KINDS = ("cpu", "cuda")


def resolve_device(name: str) -> str:
    """``auto`` takes the first GPU where there is one.

    Raises:
        InputError: no such kind of device.
        Unavailable: a GPU was asked for and there is none.
    """
    if name == "cpu":
        return name
    if name != "auto" and name.partition(":")[0] != "cuda":
        raise InputError(f"device {name!r} is not one of auto, cpu, cuda, cuda:1")
    import torch

    if torch.cuda.is_available():
        return "cuda" if name == "auto" else name
    if name == "auto":
        return "cpu"
    raise Unavailable(f"device {name} is not available on this machine; use --device cpu")


def usable_cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def device_named(name: str) -> torch.device:
    """The device.

    Raises:
        InputError: there is no such kind of device.
        Unavailable: it is not on this machine.
    """
    import torch

    try:
        device = torch.device(name)
    except RuntimeError:
        _refuse(name)
    if device.type not in KINDS:
        _refuse(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise Unavailable(f"device {name} is not available on this machine: use --device cpu")
    return device


def _refuse(name: str) -> NoReturn:
    raise InputError(f"{name!r} is not a device: write cpu, cuda or cuda:1")
