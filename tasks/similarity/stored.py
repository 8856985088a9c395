"""States that a cell leaves beside its record, so that models can be compared later without running them.

``large/states.safetensors`` holds, for every layer, (nucleotides, width) float16 at unit scale under ``SOURCE LAYER``
and their mean, taken off for the sake of precision, under ``SOURCE LAYER mean``. ``nucleotides.parquet`` names the
rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.storage.files import atomic_path
from harness.storage.kept import Arrays
from tasks.similarity.cka import States
from tasks.similarity.states import NUCLEOTIDES, key

FILE = Path("large", "states.safetensors")
ROWS = "nucleotides"
"""The table of the rows, by its name among the tables of an outcome."""

Stored = Mapping[str, Mapping[int, States]]
"""Source -> layer -> (nucleotides, width)."""


def write_states(folder: Path, layers: Sequence[int], sources: Mapping[str, Arrays]) -> None:
    """Of every source and layer."""
    from safetensors.numpy import save_file

    tensors: dict[str, NDArray[np.floating]] = {}
    for source, arrays in sources.items():
        for layer in layers:
            states = arrays[key(NUCLEOTIDES, layer)].astype(np.float64)
            mean = states.mean(axis=0)
            scale = float(np.sqrt(np.square(states - mean).mean())) or 1.0
            tensors[f"{source} {layer}"] = ((states - mean) / scale).astype(np.float16)
            tensors[f"{source} {layer} mean"] = (mean / scale).astype(np.float32)
    (folder / FILE).parent.mkdir(exist_ok=True)
    with atomic_path(folder / FILE) as temporary:
        save_file(tensors, temporary)


def read_states(folder: Path) -> Stored:
    """What :func:`write_states` wrote; the scale of a layer is no longer known, and nothing depends on it.

    Raises:
        OSError: the file is not there.
    """
    from safetensors.numpy import load_file

    tensors = load_file(folder / FILE)
    found: dict[str, dict[int, States]] = {}
    for name, states in tensors.items():
        if not name.endswith(" mean"):
            source, layer = name.rsplit(" ", 1)
            found.setdefault(source, {})[int(layer)] = states + tensors[f"{name} mean"]
    return {source: dict(sorted(own.items())) for source, own in found.items()}
