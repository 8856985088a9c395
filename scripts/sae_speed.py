"""Speed of a training step beside SAELens and dictionary_learning, in turns on the same batches of planted features.

    pip install sae-lens dictionary-learning        (in an environment of its own; neither is a dependency)
    python scripts/sae_speed.py [--size 128,256,8 --size 640,5120,32] [--steps 300] [--threads 1]

Every step is done by all before the next one, in an order that rotates, so that whatever else the machine does slows
all alike. All train batch top-k with the same peak rate, warm-up, decay and clipping, on states scaled to
unit variance; ours fits and applies its whitening besides. Prints a Markdown table: median time of a step, and what
was learned.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from tasks.sae.autoencoder.config import SAEConfig, StandardiseName
from tasks.sae.autoencoder.model import SparseAutoencoder
from tasks.sae.autoencoder.train import Trainer
from tasks.sae.planted.measures import RECOVERED
from tasks.sae.planted.truth import PlantedSettings, PlantedTruth

BATCH = 2048
POOL = 100  # batches drawn once, and gone through again and again
HELD_OUT = 8


class Ours:
    name = "ours"
    standardise: StandardiseName = "whiten"

    def __init__(self, truth: PlantedTruth, features: int, k: int, steps: int) -> None:
        config = SAEConfig(features=features, k=k, steps=steps, batch_size=BATCH, standardise=self.standardise)
        self.autoencoder = SparseAutoencoder(truth.settings.width, config, 0, standardisation=truth.standardisation)
        self.trainer = Trainer(self.autoencoder)

    def step(self, x: Tensor, number: int) -> None:
        self.trainer.step(x, number)

    def finish(self, batches: list[Tensor]) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """Decoder rows in the space of the input, and the reconstruction of the input."""
        self.autoencoder.calibrate(batches)
        return self.autoencoder.to_raw(self.autoencoder.decoder.detach()), self.autoencoder.reconstruct


class OursScaled(Ours):
    """The objective of the others: squared error in the space of the input."""

    name = "ours (z-score)"
    standardise = "zscore"


class SaeLens:
    name = "SAELens"

    def __init__(self, truth: PlantedTruth, features: int, k: int, steps: int) -> None:
        from sae_lens import BatchTopKTrainingSAE, BatchTopKTrainingSAEConfig
        from sae_lens.config import SAETrainerConfig
        from sae_lens.training.sae_trainer import SAETrainer

        torch.manual_seed(0)
        sae = BatchTopKTrainingSAE(BatchTopKTrainingSAEConfig(d_in=truth.settings.width, d_sae=features, k=k))
        config = SAETrainerConfig(
            total_training_samples=steps * BATCH,
            train_batch_size_samples=BATCH,
            lr=SAEConfig(features=features, k=k).peak_learning_rate,
            lr_end=0.0,
            lr_warm_up_steps=steps // 20,
            lr_decay_steps=steps // 5,
        )
        self.trainer = SAETrainer(config, sae, iter(()))

    def step(self, x: Tensor, number: int) -> None:
        self.trainer.step(x)
        self.trainer.n_training_steps += 1

    def finish(self, batches: list[Tensor]) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        sae = self.trainer.sae
        return sae.W_dec.detach(), lambda x: sae.decode(sae.encode(x))


class DictionaryLearning:
    name = "dictionary_learning"

    def __init__(self, truth: PlantedTruth, features: int, k: int, steps: int) -> None:
        from dictionary_learning.trainers.batch_top_k import BatchTopKTrainer

        self.trainer = BatchTopKTrainer(
            steps=steps,
            activation_dim=truth.settings.width,
            dict_size=features,
            k=k,
            layer=0,
            lm_name="",
            lr=SAEConfig(features=features, k=k).peak_learning_rate,
            warmup_steps=steps // 20,
            decay_start=steps - steps // 5,
            seed=0,
            device="cpu",
        )

    def step(self, x: Tensor, number: int) -> None:
        self.trainer.update(number, x)

    def finish(self, batches: list[Tensor]) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        ae = self.trainer.ae
        return ae.decoder.weight.detach().t(), lambda x: ae.decode(ae.encode(x, use_threshold=False))


def contest(width: int, features: int, k: int, steps: int) -> list[dict[str, Any]]:
    """One row per contestant."""
    truth = PlantedTruth(PlantedSettings(width=width, features=features, active=0.75 * k, children=0.0))
    random = np.random.default_rng(0)
    # the others take states as they are and expect a length of about 1 per dimension
    scale = 1 / truth.standardisation.common_scale
    pool = [torch.from_numpy(truth.sample(BATCH, random)[0]) for _ in range(min(POOL, steps) + HELD_OUT)]
    held_out, pool = pool[:HELD_OUT], pool[HELD_OUT:]
    contestants = [kind(truth, features, k, steps) for kind in (Ours, OursScaled, SaeLens, DictionaryLearning)]
    seconds: dict[str, list[float]] = {one.name: [] for one in contestants}
    for number in range(steps):
        x = pool[number % len(pool)]
        turn = number % len(contestants)
        for one in contestants[turn:] + contestants[:turn]:
            given = x if isinstance(one, Ours) else (x * scale).contiguous()
            began = time.perf_counter()
            one.step(given, number)
            seconds[one.name].append(time.perf_counter() - began)
    rows = []
    for one in contestants:
        factor = 1.0 if isinstance(one, Ours) else scale
        with torch.no_grad():
            decoder, reconstruct = one.finish(pool[:16])
            cosines = torch.from_numpy(truth.directions) @ functional.normalize(decoder).t()
            left = sum(float((x - reconstruct(x * factor) / factor).square().sum()) for x in held_out)
            all_ = sum(float((x - x.mean(0)).square().sum()) for x in held_out)
        rows.append(
            {
                "(d, m, k)": f"({width}, {features}, {k})",
                "": one.name,
                "ms per step": 1000 * statistics.median(seconds[one.name]),
                "times ours": statistics.median(
                    other / own for other, own in zip(seconds[one.name], seconds["ours"], strict=True)
                ),
                "FVE": 1 - left / all_,
                "recovered": float((cosines.max(1).values > RECOVERED).float().mean()),
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", action="append", help="d,m,k; may be repeated")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = []
    for size in options.size or ["128,256,8", "640,5120,32"]:
        rows += contest(*map(int, size.split(",")), options.steps)
    print(pd.DataFrame(rows).to_markdown(index=False, floatfmt=".3g"))


if __name__ == "__main__":
    main()
