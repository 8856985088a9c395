"""Models that are no catalog entry: priors, folding tools, folders of arrays, models that read alignments."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from harness.adapter import ModelFactory
from model_adapters.pairing_prior import PairingPrior
from model_adapters.precomputed import Precomputed
from model_adapters.rnamsm import RNA_MSM, RnaMsmAdapter
from model_adapters.viennarna import ViennaRna

MODELS: Mapping[str, ModelFactory] = {
    "pairing-prior": PairingPrior,
    "pairing-prior-softmax": partial(PairingPrior, softmax=True),
    "pairing-prior-stacked": partial(PairingPrior, stacked=True),
    "pairing-prior-stacked-softmax": partial(PairingPrior, stacked=True, softmax=True),
    "viennarna": ViennaRna,
    "precomputed:": Precomputed,
    "rna-msm": partial(RnaMsmAdapter, RNA_MSM),
}
