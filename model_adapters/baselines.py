"""Models that are no catalog entry: priors, counts, aligners, folding, folders of arrays, alignment models."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from harness.adapter import ModelFactory
from model_adapters.alignment_identity import GlobalIdentity, LocalAlignment
from model_adapters.kmer_counts import KmerCounts
from model_adapters.length_gc import LengthGc
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
    **{f"kmer-{k}": partial(KmerCounts, k=k) for k in range(1, 7)},
    "length-gc": LengthGc,
    "identity": GlobalIdentity,
    "local-alignment": LocalAlignment,
    "precomputed:": Precomputed,
    "rna-msm": partial(RnaMsmAdapter, RNA_MSM),
}
