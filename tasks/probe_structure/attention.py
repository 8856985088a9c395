"""L1 logistic regression over the attention maps of all heads, as ESM's contact head (Rao et al. 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from harness.adapter import ModelAdapter
from harness.task import CellContext
from tasks.probe_structure.examples import Examples
from tasks.structure.data import Rna
from tasks.structure.maps import Scores
from tasks.structure.scoring import visit_scores

Floats = NDArray[np.float64]

PENALTIES = (0.01, 0.1, 1.0)
"""C of scikit-learn, the strongest penalty first; validation chooses, and takes the stronger of equals."""

_EDGE = 1e-6


@dataclass(frozen=True)
class AttentionProbe:
    """A weight per head, in the order of layers and heads, and an intercept."""

    weights: Floats
    intercept: float


def corrected(scores: Scores) -> Scores:
    """The corrected maps A + Aᵀ − APC again, of which the scores are the sigmoid; 0 where a pair has no score."""
    inside = scores < 0
    maps = logit(scores.clip(_EDGE, 1 - _EDGE))
    maps[inside] = 0
    return np.asarray(maps, dtype=np.float32)


def read_maps(
    model: ModelAdapter, rnas: Sequence[Rna], examples: Sequence[Examples], context: CellContext
) -> list[Scores]:
    """The corrected maps of all heads at the examples of every RNA, (pairs, heads)."""
    found: list[dict[int, Scores]] = [{} for _ in rnas]

    def visit(index: int, layer: int, scores: Scores) -> None:
        found[index][layer] = corrected(scores[:, examples[index].pairs])

    visit_scores(model, None, context, rnas, visit, "attention of training RNAs")
    return [np.concatenate([own[layer] for layer in sorted(own)]).T for own in found]


def fit(maps: Sequence[Scores], examples: Sequence[Examples], penalty: float) -> AttentionProbe:
    """Fitted on maps divided by their spread over the examples, so that the penalty means the same for every head."""
    from sklearn.linear_model import LogisticRegression

    read = np.concatenate(maps).astype(np.float64)
    known = np.concatenate([own.known for own in examples])
    weight = np.concatenate([own.weight for own in examples])
    spread = read.std(axis=0)
    spread[spread == 0] = 1
    model = LogisticRegression(C=penalty, l1_ratio=1, solver="liblinear", random_state=0)
    model.fit(read / spread, known, sample_weight=weight)
    return AttentionProbe(model.coef_[0] / spread, float(model.intercept_[0]))


def logits(
    model: ModelAdapter, rnas: Sequence[Rna], probes: Sequence[AttentionProbe], context: CellContext, label: str
) -> list[Scores]:
    """(probes, pairs) of every RNA, from one pass that holds one layer of one RNA."""
    found = [np.tile([[np.float32(own.intercept)] for own in probes], rna.pairs) for rna in rnas]
    stacked = np.stack([own.weights for own in probes]).astype(np.float32)
    heads: dict[int, slice] = {}

    def visit(index: int, layer: int, scores: Scores) -> None:
        # layers count from 1, and all have as many heads; scores of a model's own are head 0 of layer 0
        first = max(layer - 1, 0) * len(scores)
        own = heads.setdefault(layer, slice(first, first + len(scores)))
        found[index] += stacked[:, own] @ corrected(scores)

    visit_scores(model, None, context, rnas, visit, label)
    return found
