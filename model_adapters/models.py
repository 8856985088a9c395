"""All models of this package by name: the catalog, models read from arrays, alignment models, baselines."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from harness.adapter import ModelFactory
from model_adapters.arrays.external import MODELS as EXTERNAL
from model_adapters.arrays.precomputed import Precomputed
from model_adapters.baselines.alignment_identity import GlobalIdentity, LocalAlignment
from model_adapters.baselines.kmer_counts import KmerCounts
from model_adapters.baselines.length_gc import LengthGc
from model_adapters.baselines.pairing_prior import PairingPrior
from model_adapters.baselines.separation_prior import SeparationPrior
from model_adapters.baselines.viennarna import ViennaRna
from model_adapters.catalog.models import MODELS as CATALOG
from model_adapters.rnamsm.adapter import RNA_MSM, RnaMsmAdapter

MODELS: Mapping[str, ModelFactory] = {
    **CATALOG,
    **EXTERNAL,
    "pairing-prior": PairingPrior,
    "pairing-prior-softmax": partial(PairingPrior, softmax=True),
    "pairing-prior-stacked": partial(PairingPrior, stacked=True),
    "pairing-prior-stacked-softmax": partial(PairingPrior, stacked=True, softmax=True),
    "separation-prior": SeparationPrior,
    "viennarna": ViennaRna,
    **{f"kmer-{k}": partial(KmerCounts, k=k) for k in range(1, 7)},
    "length-gc": LengthGc,
    "identity": GlobalIdentity,
    "local-alignment": LocalAlignment,
    "precomputed:": Precomputed,
    "rna-msm": partial(RnaMsmAdapter, RNA_MSM),
}
