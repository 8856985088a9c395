"""Measure what decides the defaults of the sparse autoencoders, on real and on random encoders.

    HARNESS_DATA=... HARNESS_WEIGHTS=... python scripts/sae_defaults.py table.csv [--quick] [--case nano-last ...]

Makes the table of docs/sae.md. Trains on part of the training split of the families that ncrna-nano has seen (Rfam
seeds, or simulated ones without HARNESS_DATA) and measures on the test split, with the seeds 0 and 1. Rows are
appended to the file as they are finished, and those that it holds already are not made again. Two cores need an hour
for all; --quick takes one tenth of the steps and of the sequences, to see that it runs.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from harness.activations.reader import known_positions
from harness.activations.standardisation import Standardisation
from harness.adapter import ModelAdapter, ModelOptions
from harness.registry import Registry
from model_adapters.catalog.models import ENTRIES
from model_adapters.encoder.adapter import EncoderAdapter
from tasks.sae.autoencoder.config import SAEConfig
from tasks.sae.autoencoder.model import SparseAutoencoder
from tasks.sae.autoencoder.train import CALIBRATION_STEPS, Trainer
from tasks.sae.quality import measure
from tasks.sae.stability import activation_stability, chance_stability, decoder_stability, start_cosines
from tasks.sae_families.data import prepare
from tasks.sae_families.settings import SaeFamiliesSettings

SEEDS = (0, 1)
TEST_ROWS = 60_000
OLD_RATE = 2e-4  # at 2**14 features; the rates below are multiples of it

Rows = NDArray[np.float32]


@dataclass(frozen=True)
class Case:
    """One layer of one encoder, how much of the data it is given, and what is tried on it.

    ``blocks`` is for random encoders alone: so many blocks of the catalog's encoder are built.
    """

    model: str
    layer: int
    sequences: int
    trials: tuple[dict[str, Any], ...]
    blocks: int | None = None


def trial(
    m: int = 4,
    k: int | None = None,
    standardise: str = "whiten",
    rate: float = 10,
    auxiliary: float = 1 / 32,
    steps: int = 3000,
    frozen: str = "none",
) -> dict[str, Any]:
    """``m`` in widths, ``k`` features (None: width / 32, four at least), ``rate`` in units of the old one."""
    return locals()


CASES = {
    "nano-last": Case(
        "ncrna-nano",
        -1,
        5000,
        (
            trial(),
            trial(standardise="zscore"),
            trial(rate=1),
            trial(rate=30),
            trial(k=8),
            trial(k=32),
            trial(m=2),
            trial(m=8),
            trial(auxiliary=1),
            trial(m=8, auxiliary=1),
            trial(steps=1000),
            trial(steps=6000),
            trial(m=16, k=32, standardise="zscore", rate=1, steps=1000),
            trial(frozen="decoder"),
            trial(frozen="encoder"),
        ),
    ),
    "nano-0": Case("ncrna-nano", 0, 5000, (trial(),)),
    "nano-2": Case("ncrna-nano", 2, 5000, (trial(), trial(standardise="zscore"))),
    "nano-random": Case("ncrna-nano:random", -1, 5000, (trial(), trial(standardise="zscore"))),
    "rnabert-last": Case("rnabert", -1, 1000, (trial(), trial(standardise="zscore"))),
    "random-640": Case(
        "rinalmo-mega",
        3,
        400,
        tuple(trial(steps=400, standardise=s, rate=r) for s in ("whiten", "zscore") for r in (1, 10)),
        3,
    ),
    "random-1280": Case("rinalmo-giga", 2, 300, tuple(trial(steps=100, m=2, rate=r) for r in (1, 10)), 2),
}


def encoder(case: Case) -> ModelAdapter:
    if case.blocks is None:
        return Registry.discover().model(case.model)
    entry = ENTRIES[case.model]
    shallow = entry.model_copy(update={"config": entry.config | {"num_hidden_layers": case.blocks}})
    return EncoderAdapter(shallow, ModelOptions(), initialisation=0)


def activations(model: ModelAdapter, sequences: Sequence[str], layer: int) -> Rows:
    """(nucleotides, width) of all nucleotides other than N."""
    parts: dict[int, Rows] = {}
    for index, states in model.hidden_states(sequences, (layer,)):
        parts[index] = states[layer][known_positions(sequences[index])].astype(np.float32)
    return np.concatenate([parts[index] for index in range(len(sequences))])


def batches(x: Rows, size: int, steps: int) -> Iterator[torch.Tensor]:
    """Shuffled, epoch after epoch; the same for every trial."""
    random = np.random.default_rng(0)
    order = random.permutation(len(x))
    start = 0
    for _ in range(steps):
        if start + size > len(x):
            order, start = random.permutation(len(x)), 0
        yield torch.from_numpy(x[order[start : start + size]])
        start += size


def run(x: Rows, test: Rows, standardisation: Standardisation, setting: dict[str, Any]) -> dict[str, float]:
    """Train one trial with all seeds and measure it."""
    width = x.shape[1]
    features = setting["m"] * width
    config = SAEConfig(
        features=features,
        k=setting["k"] or max(4, width // 32),
        standardise=setting["standardise"],
        learning_rate=setting["rate"] * OLD_RATE / (features / 2**14) ** 0.5,
        auxiliary_weight=setting["auxiliary"],
        steps=setting["steps"],
        frozen=setting["frozen"],
    )
    own = [SparseAutoencoder(width, config, seed, standardisation=standardisation) for seed in SEEDS]
    trainers = [Trainer(autoencoder) for autoencoder in own]
    began = time.monotonic()
    stream = batches(x, config.batch_size, config.steps + CALIBRATION_STEPS)
    for step in range(config.steps):
        batch = next(stream)
        for trainer in trainers:
            trainer.step(batch, step)
    seconds = time.monotonic() - began
    calibration = list(stream)
    for autoencoder in own:
        autoencoder.calibrate(calibration)
    rows = torch.from_numpy(test)
    qualities = [measure(autoencoder, [rows]) for autoencoder in own]
    codes = [autoencoder.encode(rows).to_scipy() for autoencoder in own]
    live = np.array([np.bincount(code.indices, minlength=features) > 0 for code in codes])
    decoders, raw, active = (
        decoder_stability(own, "standardised", live),
        decoder_stability(own, "raw", live),
        activation_stability(codes, live),
    )
    return {
        "d": width,
        "features": features,
        "active": config.k,
        "start_cosine": float(np.mean([start_cosines(autoencoder).mean() for autoencoder in own])),
        "shared": decoders.share,
        "shared_strict": decoders.share_strict,
        "shared_raw": raw.share,
        "shared_raw_strict": raw.share_strict,
        "shared_activations": active.share,
        "shared_activations_strict": active.share_strict,
        "chance": chance_stability(own).share,
        "chance_raw": chance_stability(own, "raw").share,
        "fve_raw": float(np.mean([quality.fve_raw for quality in qualities])),
        "fve_standardised": float(np.mean([quality.fve_standardised for quality in qualities])),
        "l0": float(np.mean([quality.l0 for quality in qualities])),
        "dead": float(np.mean([quality.dead_share for quality in qualities])),
        "seconds": seconds,
    }


def finished(path: Path) -> set[tuple[str, ...]]:
    if not path.exists():
        return set()
    with path.open(newline="") as file:
        return {tuple(row[name] for name in ("case", *trial())) for row in csv.DictReader(file)}


def append(path: Path, row: dict[str, Any]) -> None:
    fresh = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        if fresh:
            writer.writeheader()
        writer.writerow(row)


def markdown(path: Path) -> str:
    """The file as the table of docs/sae.md."""
    table = pd.read_csv(path)

    def both(name: str) -> pd.Series:
        return table[name].map("{:.2f}".format) + " / " + table[f"{name}_strict"].map("{:.2f}".format)

    columns = {
        "encoder, layer": table["case"],
        "d, m, k": table[["d", "features", "active"]].astype(str).agg(", ".join, axis=1),
        "inputs": table["standardise"],
        "rate": table["rate"].astype(str) + "×",
        "AuxK": table["auxiliary"].map({1 / 32: "1/32", 1.0: "1"}),
        "steps": table["steps"],
        "frozen": table["frozen"],
        "shared": both("shared"),
        "in raw space": both("shared_raw"),
        "by activations": both("shared_activations"),
        "chance, raw": table["chance"].map("{:.2f}".format) + ", " + table["chance_raw"].map("{:.2f}".format),
        "FVE raw": table["fve_raw"].map("{:.2f}".format),
        "dead": table["dead"].map("{:.2f}".format),
        "cosine to start": table["start_cosine"].map("{:.2f}".format),
    }
    return pd.DataFrame(columns).to_markdown(index=False, disable_numparse=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--case", nargs="*", choices=CASES, default=list(CASES))
    options = parser.parse_args()
    share = 10 if options.quick else 1
    registry = Registry.discover()
    dataset = registry.dataset(
        "rfam-seed-seen" if registry.datasets["rfam-seed-seen"].available() else "rfam-profiles-seen"
    )
    data = prepare(dataset, SaeFamiliesSettings(draws=100))
    train = [record.sequence for record in data.train]
    test = [data.scored[row].sequence for row in data.items.test]
    done = finished(options.table)
    for name in options.case:
        case = CASES[name]
        planned = [setting | {"steps": setting["steps"] // share} for setting in case.trials]
        missing = [s for s in planned if (name, *map(str, s.values())) not in done]
        if not missing:
            continue
        model = encoder(case)
        model.load("cpu")
        count = case.sequences // share
        x = activations(model, train[:: len(train) // count], case.layer)
        held_out = activations(model, test[:: max(1, len(test) // count)], case.layer)[:TEST_ROWS]
        model.unload()
        standardisation = Standardisation.of(x)
        for setting in missing:
            found = run(x, held_out, standardisation, setting)
            append(options.table, {"case": name, **setting} | found | {"nucleotides": len(x), "test": len(held_out)})
            print(name, setting, {key: round(value, 3) for key, value in found.items()}, flush=True)
    print(markdown(options.table))


if __name__ == "__main__":
    main()
