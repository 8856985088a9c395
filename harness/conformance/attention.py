"""Laws of attention maps."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.conformance.law import Finding, law
from harness.conformance.subject import Subject

ROW_TOLERANCE = 1e-4
"""Rounding of a row sum of 200 float32 probabilities, spread over nucleotides."""


@law("attention-rows", "attention")
def attention_rows(subject: Subject) -> Finding:
    """Attention is non-negative; rows sum to 1 with the special tokens, and to at most 1 without them."""
    maps = [array for outputs in subject.outputs for name, array in outputs.items() if name.startswith("attention")]
    least = min(float(array.min()) for array in maps)
    _, high = _range_of_sums(maps)
    if least < -ROW_TOLERANCE or not high <= 1 + ROW_TOLERANCE:
        return Finding(False, high, f"row sums to {high:.4f}, smallest entry {least:.1g}")
    # not every adapter can show its special tokens, and none does for alignments
    visit_all = getattr(subject.adapter, "visit_attention_with_special", None)
    if visit_all is not None and "alignment" not in subject.card.capabilities:
        whole: list[Any] = []
        with subject.running():
            visit_all(subject.given(subject.sequences), lambda index, layer, maps: whole.append(np.array(maps)))
        low, high = _range_of_sums(whole)
        figure = max(abs(low - 1), abs(high - 1))
        return Finding(figure <= ROW_TOLERANCE, figure, f"rows with special tokens sum to 1 ± {figure:.1g}")
    return Finding(True, high, "largest row sum; special tokens cannot be seen from outside")


def _range_of_sums(maps: list[Any]) -> tuple[float, float]:
    sums = [array.sum(axis=-1) for array in maps]
    return min(float(row.min()) for row in sums), max(float(row.max()) for row in sums)


LAWS = (attention_rows,)
