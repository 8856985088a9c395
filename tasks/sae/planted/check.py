"""Train every kind of autoencoder on planted features, side by side, and say what each has found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import torch

from harness.errors import InputError
from tasks.sae.autoencoder.config import SAEConfig
from tasks.sae.autoencoder.model import SparseAutoencoder
from tasks.sae.autoencoder.train import CALIBRATION_STEPS, Trainer
from tasks.sae.planted.measures import recovery
from tasks.sae.planted.truth import PlantedSettings, PlantedTruth
from tasks.sae.quality import measure
from tasks.sae.stability import decoder_stability, start_cosines

ReportStep = Callable[[int, int], None]
_TEST_ROWS = 20_000
RELU_WEIGHT, JUMPRELU_WEIGHT = 2e-2, 1e-2


def planted_variants(settings: PlantedSettings, steps: int) -> dict[str, SAEConfig]:
    """One configuration per kind of autoencoder, as wide and as sparse as the truth."""
    base = SAEConfig(features=settings.features, k=max(1, round(settings.active)), steps=steps)
    matryoshka = (settings.features // 8, settings.features // 2)
    changes: dict[str, dict[str, Any]] = {
        "batchtopk": {},
        "topk": {"activation": "topk"},
        "relu": {"activation": "relu", "sparsity_weight": RELU_WEIGHT},
        "jumprelu": {"activation": "jumprelu", "sparsity_weight": JUMPRELU_WEIGHT},
        "matryoshka": {"prefixes": matryoshka},
    }
    return {name: SAEConfig(**(base.model_dump() | change)) for name, change in changes.items()}


def sae_check(
    settings: PlantedSettings,
    variants: Mapping[str, SAEConfig],
    seeds: Sequence[int] = (0, 1, 2),
    truth_seed: int = 0,
    progress: ReportStep | None = None,
) -> pd.DataFrame:
    """Train all variants with all seeds on the same nucleotides, which are drawn anew for every step.

    Args:
        settings: what is planted.
        variants: name -> configuration, of equal steps and batch size.
        seeds: of the autoencoders' initial weights.
        progress: called as progress(step, steps).

    Returns:
        One row per variant and seed: ``variant``, ``seed``, the fields of
        :class:`tasks.sae.planted.measures.Recovery`, ``fve_raw``, ``l0``, ``dead_share``, ``start_cosine``, and
        ``stability`` (share of features shared with the other seeds; NaN for one seed).
    """
    truth = PlantedTruth(settings, truth_seed)
    trainers = {
        (name, seed): Trainer(SparseAutoencoder(settings.width, config, seed, standardisation=truth.standardisation))
        for name, config in variants.items()
        for seed in seeds
    }
    steps, batch_size = _common(variants)
    random = np.random.default_rng([truth_seed, 5])
    for step in range(steps):
        x = torch.from_numpy(truth.sample(batch_size, random)[0])
        for trainer in trainers.values():
            trainer.step(x, step)
        if progress is not None:
            progress(step + 1, steps)
    calibration = [torch.from_numpy(truth.sample(batch_size, random)[0]) for _ in range(CALIBRATION_STEPS)]
    test = torch.from_numpy(truth.sample(_TEST_ROWS, np.random.default_rng([truth_seed, 6]))[0])
    rows = []
    for (name, seed), trainer in trainers.items():
        autoencoder = trainer.autoencoder
        autoencoder.calibrate(calibration)
        quality = measure(autoencoder, [test])
        rows.append(
            {"variant": name, "seed": seed}
            | asdict(recovery(autoencoder, truth, _TEST_ROWS, seed))
            | {name: getattr(quality, name) for name in ("fve_raw", "l0", "dead_share")}
            | {"start_cosine": float(start_cosines(autoencoder).mean())}
        )
    table = pd.DataFrame(rows)
    table["stability"] = float("nan")
    if len(seeds) > 1:
        for name in variants:
            own = [trainers[name, seed].autoencoder for seed in seeds]
            table.loc[table.variant == name, "stability"] = decoder_stability(own, "raw").share
    return table


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """One row per variant: mean over seeds of every measure, its extremes as ``_low`` and ``_high``."""
    grouped = table.drop(columns="seed").groupby("variant", sort=False)
    mean, low, high = grouped.mean(), grouped.min().add_suffix("_low"), grouped.max().add_suffix("_high")
    order = [name + suffix for name in mean.columns for suffix in ("", "_low", "_high")]
    return pd.concat([mean, low, high], axis=1)[order].reset_index()


def _common(variants: Mapping[str, SAEConfig]) -> tuple[int, int]:
    """Steps and batch size of all variants."""
    sizes = {(config.steps, config.batch_size) for config in variants.values()}
    if len(sizes) != 1:
        raise InputError(f"variants trained side by side need equal steps and batch size, not {sorted(sizes)}")
    return sizes.pop()
