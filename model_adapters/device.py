"""The devices that models run on, by the names that users give them. Imports torch."""

from __future__ import annotations

from typing import NoReturn

import torch

from harness.errors import InputError, Unavailable

KINDS = ("cpu", "cuda")


def device_named(name: str) -> torch.device:
    """The device.

    Raises:
        InputError: there is no such kind of device.
        Unavailable: it is not on this machine.
    """
    try:
        device = torch.device(name)
    except RuntimeError:
        _refuse(name)
    if device.type not in KINDS:
        _refuse(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise Unavailable(f"device {name} is not on this machine: use --device cpu")
    return device


def _refuse(name: str) -> NoReturn:
    raise InputError(f"{name!r} is not a device: write cpu, cuda or cuda:1")
