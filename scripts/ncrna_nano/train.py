"""Train ncrna-nano: synthetic stem-loops, then the Rfam seed, on one CPU core or on a GPU.

    python -m scripts.ncrna_nano.train --data DATA --out FOLDER

Stopped at any point, the same command goes on from the last checkpoint to the same weights.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import Progress
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from scripts.ncrna_nano.batches import (
    IGNORED,
    draw_family_pairs,
    encode,
    mask_nucleotides,
    pair_batches,
    token_batches,
)
from scripts.ncrna_nano.objective import family_loss, masked_loss
from scripts.ncrna_nano.split import LONGEST, NanoSplit, SeedSequence, load_split
from scripts.ncrna_nano.stem_loops import stem_loop_rna

LOSSES = ("masked", "family", "stem")
LONGEST_STEM_LOOP = 160
STEM_POOL = 80_000
"""Nucleotides of a pool of stem-loops alone."""


@dataclass(frozen=True)
class Recipe:
    """Every number that the weights depend on."""

    nucleotides: int = 36_000_000
    learning_rate: float = 7e-4
    weight_decay: float = 0.01
    warm_up: float = 0.005
    decay: float = 0.4
    clip: float = 0.5
    seed: int = 2024

    batch_tokens: int = 4096
    masked: float = 0.25
    family_weight: float = 0.1
    """Of the family loss beside the masked loss."""
    temperature: float = 0.1

    stems_alone: float = 0.14
    """Share of the budget at the start that holds stem-loops alone."""
    stem_share: float = 0.25
    """Share of stem-loops afterwards."""
    stem_tokens: int = 2048
    stem_masked: float = 0.15
    stems_learned: float = 0.75
    """Nats per hidden nucleotide of a stem below which the next stem-loops are harder."""


def configuration() -> Any:
    """The RiNALMoConfig of ncrna-nano. Token dropout is off, in training as in use.

    Four heads of 32, not eight of 16: finding a partner by its neighbours needs room beside the rotary positions.
    """
    from multimolecule import RiNALMoConfig

    return RiNALMoConfig(
        hidden_size=128,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=512,
        hidden_dropout=0.0,
        attention_dropout=0.0,
        token_dropout=False,
        attn_implementation="sdpa",
    )


def learning_rate(recipe: Recipe, seen: int) -> float:
    """Linear warm-up, a constant stretch, then linear decay to zero at the end of the budget."""
    progress = min(seen / recipe.nucleotides, 1.0)
    return recipe.learning_rate * min(progress / recipe.warm_up, 1.0, (1 - progress) / recipe.decay)


def longest_at(recipe: Recipe, seen: int) -> int:
    """Short sequences first: up to 128 nt until 40 % of the budget, 256 until 60 %, then all."""
    progress = seen / recipe.nucleotides
    return 128 if progress < 0.4 else 256 if progress < 0.6 else LONGEST


def validation_loss(model: nn.Module, sequences: Sequence[SeedSequence], seed: int = 0) -> float:
    """Cross-entropy in nats at 15 % of the nucleotides, all shown as the mask, weighted by position."""
    generator = torch.Generator().manual_seed(seed)
    place = next(model.parameters()).device
    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():  # not inference_mode: the model keeps the rotary tables that it makes here
        for batch in token_batches([entry.sequence for entry in sequences], 8192):
            ids, labels = mask_nucleotides(encode(batch), 0.15, generator, corrupt=False)
            hidden = int((labels != IGNORED).sum())
            if hidden:
                total += masked_loss(model(ids.to(place)).logits, labels.to(place)).item() * hidden
                count += hidden
    model.train()
    return total / count


class Trainer:
    """The model, its optimiser and how far they have come. State changes only from one pool to the next."""

    def __init__(self, recipe: Recipe, split: NanoSplit, device: str = "cpu") -> None:
        from multimolecule import RiNALMoForMaskedLM

        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.training = split.training
        self.model: Any = RiNALMoForMaskedLM(configuration()).train().to(device)
        matrices = [p for p in self.model.parameters() if p.ndim > 1]
        others = [p for p in self.model.parameters() if p.ndim <= 1]
        self.optimiser = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}],
            betas=(0.9, 0.98),
            fused=True,
        )
        self.device = device
        self.pool = 0
        self.seen = 0
        self.difficulty = 0.0

    @property
    def done(self) -> bool:
        return self.seen >= self.recipe.nucleotides

    def train_pool(self) -> dict[str, float]:
        """One pool of batches in random order; mean losses by name, in nats.

        Every random number comes from (seed, pool).
        """
        recipe = self.recipe
        numbers = np.random.default_rng([recipe.seed, self.pool])
        generator = torch.Generator().manual_seed(int(numbers.integers(2**62)))
        families: list[list[str]] = []
        if self.seen >= recipe.stems_alone * recipe.nucleotides:
            pairs = draw_family_pairs(self.training, longest_at(recipe, self.seen), numbers)
            families = list(pair_batches(pairs, recipe.batch_tokens))
        steps = [partial(self._family_step, batch) for batch in families]
        steps += [partial(self._stem_step, batch) for batch in self._stem_batches(families, numbers)]
        numbers.shuffle(steps)
        losses: dict[str, list[float]] = defaultdict(list)
        for step in steps:
            for name, value in step(generator).items():
                losses[name].append(value)
        self.pool += 1
        means = {name: sum(values) / len(values) for name, values in losses.items()}
        if not math.isfinite(sum(means.values())):
            raise FloatingPointError(f"the loss is not finite after {self.seen:,} nucleotides; lower the learning rate")
        if means["stem"] < recipe.stems_learned:
            self.difficulty = min(1.0, self.difficulty + 0.02)
        return means

    def _stem_batches(
        self, families: list[list[str]], numbers: np.random.Generator
    ) -> list[list[tuple[str, NDArray[np.bool_]]]]:
        recipe = self.recipe
        wanted = sum(len(sequence) for batch in families for sequence in batch)
        wanted = round(wanted * recipe.stem_share / (1 - recipe.stem_share)) or STEM_POOL
        rnas, length = {}, 0
        while length < wanted:
            sequence, paired = stem_loop_rna(self.difficulty, LONGEST_STEM_LOOP, numbers)
            rnas[sequence] = paired
            length += len(sequence)
        return [
            [(sequence, rnas[sequence]) for sequence in batch]
            for batch in token_batches(list(rnas), recipe.stem_tokens)
        ]

    def _family_step(self, batch: list[str], generator: torch.Generator) -> dict[str, float]:
        recipe = self.recipe
        ids = encode(batch)
        shown, labels = mask_nucleotides(ids, recipe.masked, generator)
        output = self.model.model(shown.to(self.device))
        masked = masked_loss(self.model.lm_head(output).logits, labels.to(self.device))
        family = family_loss(output.last_hidden_state, ids.to(self.device), recipe.temperature)
        self._update(masked + recipe.family_weight * family, batch)
        return {"masked": masked.item(), "family": family.item()}

    def _stem_step(self, batch: list[tuple[str, NDArray[np.bool_]]], generator: torch.Generator) -> dict[str, float]:
        ids = encode([sequence for sequence, _ in batch])
        shown, labels = mask_nucleotides(ids, self.recipe.stem_masked, generator, corrupt=False)
        logits = self.model(shown.to(self.device)).logits
        self._update(masked_loss(logits, labels.to(self.device)), [sequence for sequence, _ in batch])
        in_stems = labels.clone()
        for row, (sequence, paired) in enumerate(batch):
            in_stems[row, 1 : len(sequence) + 1][torch.from_numpy(~paired)] = IGNORED
        return {"stem": masked_loss(logits.detach(), in_stems.to(self.device)).item()}

    def _update(self, loss: Tensor, batch: list[str]) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.recipe, self.seen)
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        self.optimiser.step()
        self.seen += sum(map(len, batch))

    def save(self, folder: Path) -> None:
        """Weights, optimiser state and counters, replaced together: a kill leaves the old checkpoint or the new."""
        tensors = {f"model.{name}": value for name, value in self._named()}
        for name, parameter in self._named():
            for key, value in self.optimiser.state[parameter].items():
                tensors[f"optimiser.{key}.{name}"] = value
        counters = {
            "pool": self.pool,
            "seen": self.seen,
            "difficulty": self.difficulty,
            "recipe": asdict(self.recipe),
        }
        part = folder / "checkpoint.part"
        save_file({name: value.detach() for name, value in tensors.items()}, part, {"state": json.dumps(counters)})
        os.replace(part, folder / "checkpoint.safetensors")

    def resume(self, folder: Path) -> None:
        """Continue from the checkpoint in ``folder``, if there is one. The budget may have changed."""
        from safetensors import safe_open

        path = folder / "checkpoint.safetensors"
        if not path.exists():
            return
        with safe_open(path, "pt") as file:
            counters = json.loads(file.metadata()["state"])
        tensors = load_file(path)
        for name, parameter in self._named():
            with torch.no_grad():
                parameter.copy_(tensors[f"model.{name}"])
            suffix = f".{name}"
            self.optimiser.state[parameter] = {
                key.removeprefix("optimiser.").removesuffix(suffix): value
                for key, value in tensors.items()
                if key.startswith("optimiser.") and key.endswith(suffix)
            }
        self.pool, self.seen, self.difficulty = counters["pool"], counters["seen"], counters["difficulty"]

    def _named(self) -> list[tuple[str, nn.Parameter]]:
        return list(self.model.named_parameters())


def export(model: nn.Module, folder: Path) -> None:
    """config.json, model.safetensors (fp16) and the tokenizer's files, as from_pretrained reads them."""
    from multimolecule import RnaTokenizer

    config: Any = model.config
    config.architectures = [type(model).__name__]
    config.save_pretrained(folder)
    # save_pretrained would leave out lm_head.decoder.bias, which shares its memory with lm_head.bias, and then
    # report it as missing on loading.
    weights = {name: value.half().cpu().clone() for name, value in model.state_dict().items()}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    RnaTokenizer().save_pretrained(folder)


def train(trainer: Trainer, validation: Sequence[SeedSequence], out: Path) -> None:
    """To the end of the budget, with a row in losses.csv and a checkpoint every few pools."""
    out.mkdir(parents=True, exist_ok=True)
    trainer.resume(out)
    with Progress() as progress, (out / "losses.csv").open("a", newline="") as file:
        rows = csv.writer(file)
        if file.tell() == 0:
            rows.writerow(["nucleotides", "learning_rate", "longest", "difficulty", *LOSSES, "validation"])
        bar = progress.add_task("starting", total=trainer.recipe.nucleotides, completed=trainer.seen)
        while not trainer.done:
            losses = trainer.train_pool()
            said = " ".join(f"{name} {value:.3f}" for name, value in losses.items())
            progress.update(bar, completed=trainer.seen, description=said)
            if trainer.pool % 5 == 0 or trainer.done:
                rate, longest = learning_rate(trainer.recipe, trainer.seen), longest_at(trainer.recipe, trainer.seen)
                values = [f"{losses[name]:.4f}" if name in losses else "" for name in LOSSES]
                held = f"{validation_loss(trainer.model, validation):.4f}"
                rows.writerow([trainer.seen, f"{rate:.2e}", longest, f"{trainer.difficulty:.2f}", *values, held])
                file.flush()
                trainer.save(out)
    export(trainer.model, out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with families/rfam14_1_seed.fasta.gz")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints and the finished model")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--nucleotides", type=int, default=Recipe.nucleotides, help="budget; sets the schedule too")
    options = parser.parse_args()
    split = load_split(options.data)
    trainer = Trainer(Recipe(nucleotides=options.nucleotides), split, options.device)
    train(trainer, split.validation[::4], options.out)


if __name__ == "__main__":
    main()
