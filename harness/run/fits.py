"""Whether models fit into memory, before anything is loaded."""

from __future__ import annotations

from collections.abc import Sequence

from harness.compute.memory import free_memory
from harness.errors import Unavailable
from harness.run.cell import Cell
from harness.storage.sizes import readable

BYTES = {"float32": 4, "bfloat16": 2}


def weights_bytes(cell: Cell) -> int:
    """Memory of the weights alone: the least that a cell needs. 0 where the number of parameters is not known."""
    return (cell.model.card.parameters or 0) * BYTES[cell.options.dtype]


def bytes_to_load(cell: Cell, device: str) -> int:
    """Memory of the weights as they are read, which is in float32; only a GPU is handed converted ones."""
    return weights_bytes(cell) if device.startswith("cuda") else BYTES["float32"] * (cell.model.card.parameters or 0)


def check_fits(cells: Sequence[Cell], device: str, workers: int) -> None:
    """Refuse models whose weights alone are larger than the memory there is.

    Raises:
        Unavailable: names the models and what to do.
    """
    room = _gpu_memory(device) if device.startswith("cuda") else free_memory()
    sizes = {cell.model.card.name: bytes_to_load(cell, device) for cell in cells if not cell.impossible}
    if room is None or not sizes:
        return
    where = "GPU" if device.startswith("cuda") else "machine"
    smaller = "--dtype bfloat16 or " if where == "GPU" else ""
    if large := {name: size for name, size in sizes.items() if size > room}:
        named = ", ".join(f"{name} ({readable(size)})" for name, size in large.items())
        raise Unavailable(
            f"the weights of {named} do not fit into the {readable(room)} that this {where} has free: leave them out, "
            f"or use {smaller}a larger {where}"
        )
    # workers on GPUs hold their weights there, each on its own
    together = sum(
        sorted((bytes_to_load(cell, device) for cell in cells if not cell.impossible), reverse=True)[:workers]
    )
    if where == "machine" and together > room:
        raise Unavailable(
            f"the weights of {workers} workers may need {readable(together)}, and this machine has {readable(room)} "
            "free: use fewer --workers"
        )


def _gpu_memory(device: str) -> int | None:
    """All of the smallest GPU that may be used: what others hold of it now may be free when a cell starts."""
    import torch

    if device != "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return min(
        (int(torch.cuda.get_device_properties(index).total_memory) for index in range(torch.cuda.device_count())),
        default=None,
    )
