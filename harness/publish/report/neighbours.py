"""Which features of an autoencoder point the same way: cosines of decoder rows, from its checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

NEIGHBOURS = 5
_CHUNK = 1024


def nearest(checkpoint: Path, features: Sequence[int]) -> list[list[list[float]]] | None:
    """For every one of ``features`` the five others nearest to it: [feature, cosine], best first.

    None where there is no checkpoint, or one that holds no decoder of so many features. Cost O(features² x width).
    """
    import numpy as np
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        rows = load_file(checkpoint / "model.safetensors")["decoder"][list(features)].astype(np.float32)
    except (OSError, SafetensorError, KeyError, IndexError):
        return None
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    count = min(NEIGHBOURS, len(unit) - 1)
    found = []
    for start in range(0, len(unit), _CHUNK):
        cosines = unit[start : start + _CHUNK] @ unit.T
        cosines[np.arange(len(cosines)), start + np.arange(len(cosines))] = -np.inf
        best = np.argsort(-cosines, axis=1, kind="stable")[:, :count]
        values = np.take_along_axis(cosines, best, axis=1)
        found += [
            [[features[k], round(float(value), 3)] for k, value in zip(own, near, strict=True)]
            for own, near in zip(best, values, strict=True)
        ]
    return found
