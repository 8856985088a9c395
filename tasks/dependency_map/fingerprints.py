"""What a dependency is like: the 4 x 4 block of the Jacobian against that of a Watson-Crick pair and of a repeat."""

from __future__ import annotations

import numpy as np

from tasks.dependency_map.substitutions import LETTERS, Floats

FINGERPRINTS = ("watson_crick", "repeat")
_COMPLEMENT = {"A": "U", "C": "G", "G": "C", "U": "A"}


def fingerprints() -> Floats:
    """(2, 4, 4): what one letter does to each: it calls for its complement, or for itself; centred, of norm 1."""
    pairing = np.array([[_COMPLEMENT[first] == second for second in LETTERS] for first in LETTERS], np.float32)
    both = np.stack([pairing, np.eye(4, dtype=np.float32)]) - 0.25
    normed: Floats = (both / np.linalg.norm(both, axis=(1, 2), keepdims=True)).astype(np.float32)
    return normed


def likeness(jacobian: Floats, causal: bool) -> Floats:
    """(2, length, length) in [-1, 1]: cosine of each pair's block with both fingerprints; 0 for an empty block.

    The block of a pair is the mean of both directions, of a causal model that from the earlier to the later position.
    Blocks of a centred Jacobian are centred themselves, so that the cosine is a correlation of 16 numbers.
    """
    products = np.einsum("iajb,kab->kij", jacobian, fingerprints())
    squares = np.einsum("iajb,iajb->ij", jacobian, jacobian)
    if causal:
        products, squares = np.triu(products), np.triu(squares)
        products, squares = products + products.swapaxes(1, 2), squares + squares.T
    else:
        crossed = np.einsum("iajb,jbia->ij", jacobian, jacobian)
        products = (products + products.swapaxes(1, 2)) / 2
        squares = (squares + squares.T + 2 * crossed) / 4
    norms = np.sqrt(np.maximum(squares, 0))
    found: Floats = np.divide(products, norms, out=np.zeros_like(products), where=norms > 0)
    return found
