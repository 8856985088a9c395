"""Train ncrna-nano: masked nucleotides of the Rfam seed, a four-layer RiNALMo, under an hour on two CPU cores.

    python -m model_adapters.ncrna_nano.train --data DATA --out FOLDER

Stopped at any point, the same command goes on from the last checkpoint to the same weights.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import Progress
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from model_adapters.ncrna_nano.batches import (
    IGNORED,
    draw_pool,
    encode,
    mask_nucleotides,
    sampling_weights,
    token_batches,
)
from model_adapters.ncrna_nano.split import LONGEST, NanoSplit, SeedSequence, load_split


@dataclass(frozen=True)
class Recipe:
    """Every number that the weights depend on."""

    nucleotides: int = 16_000_000
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    warm_up: float = 0.03
    decay: float = 0.5
    masked: float = 0.3
    batch_tokens: int = 2048
    clip: float = 1.0
    seed: int = 2024


def configuration() -> Any:
    """The RiNALMoConfig of ncrna-nano. Token dropout is off, in training as in use."""
    from multimolecule import RiNALMoConfig

    return RiNALMoConfig(
        hidden_size=128,
        num_hidden_layers=4,
        num_attention_heads=8,
        intermediate_size=512,
        hidden_dropout=0.0,
        attention_dropout=0.0,
        token_dropout=False,
        attn_implementation="sdpa",
    )


def learning_rate(recipe: Recipe, seen: int) -> float:
    """Linear warm-up, a constant stretch, then linear decay to zero over the last half of the budget."""
    progress = min(seen / recipe.nucleotides, 1.0)
    return recipe.learning_rate * min(progress / recipe.warm_up, 1.0, (1 - progress) / recipe.decay)


def longest_at(recipe: Recipe, seen: int) -> int:
    """Short sequences first: up to 128 nt for 15 % of the budget, 256 until 40 %, then all."""
    progress = seen / recipe.nucleotides
    return 128 if progress < 0.15 else 256 if progress < 0.4 else LONGEST


def masked_loss(model: nn.Module, ids: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy in nats over the hidden positions. In fp32: bf16 was no faster at this width on a CPU."""
    logits = model(ids).logits
    return nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED)


def validation_loss(model: nn.Module, sequences: Sequence[SeedSequence], seed: int = 0) -> float:
    """Cross-entropy in nats at 15 % of the nucleotides, all shown as the mask, weighted by position."""
    generator = torch.Generator().manual_seed(seed)
    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():  # not inference_mode: the model keeps the rotary tables that it makes here
        for batch in token_batches([entry.sequence for entry in sequences], 8192):
            ids, labels = mask_nucleotides(encode(batch), 0.15, generator, corrupt=False)
            hidden = int((labels != IGNORED).sum())
            if hidden:
                total += masked_loss(model, ids, labels).item() * hidden
                count += hidden
    model.train()
    return total / count


class Trainer:
    """The model, its optimiser and how far they have come. State changes only from one pool to the next."""

    def __init__(self, recipe: Recipe, split: NanoSplit) -> None:
        from multimolecule import RiNALMoForMaskedLM

        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.training = split.training
        self.weights = sampling_weights([entry.family for entry in split.training])
        self.model: nn.Module = RiNALMoForMaskedLM(configuration()).train()
        matrices = [p for p in self.model.parameters() if p.ndim > 1]
        others = [p for p in self.model.parameters() if p.ndim <= 1]
        self.optimiser = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}],
            betas=(0.9, 0.98),
            fused=True,
        )
        self.pool = 0
        self.seen = 0

    @property
    def done(self) -> bool:
        return self.seen >= self.recipe.nucleotides

    def train_pool(self) -> float:
        """One pool of batches; the mean training loss in nats. Every random number comes from (seed, pool)."""
        recipe = self.recipe
        numbers = np.random.default_rng([recipe.seed, self.pool])
        generator = torch.Generator().manual_seed(int(numbers.integers(2**62)))
        longest = longest_at(recipe, self.seen)
        losses = []
        for batch in draw_pool(self.training, self.weights, longest, recipe.batch_tokens, numbers):
            ids, labels = mask_nucleotides(encode(batch), recipe.masked, generator)
            for group in self.optimiser.param_groups:
                group["lr"] = learning_rate(recipe, self.seen)
            loss = masked_loss(self.model, ids, labels)
            self.optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), recipe.clip)
            self.optimiser.step()
            self.seen += sum(map(len, batch))
            losses.append(loss.item())
        self.pool += 1
        if not math.isfinite(sum(losses)):
            raise FloatingPointError(f"the loss is not finite after {self.seen:,} nucleotides; lower the learning rate")
        return sum(losses) / len(losses)

    def save(self, folder: Path) -> None:
        """Weights, optimiser state and counters, replaced together: a kill leaves the old checkpoint or the new."""
        tensors = {f"model.{name}": value for name, value in self._named()}
        for name, parameter in self._named():
            for key, value in self.optimiser.state[parameter].items():
                tensors[f"optimiser.{key}.{name}"] = value
        counters = {"pool": self.pool, "seen": self.seen, "recipe": asdict(self.recipe)}
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
        self.pool, self.seen = counters["pool"], counters["seen"]

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
    weights = {name: value.half().clone() for name, value in model.state_dict().items()}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    RnaTokenizer().save_pretrained(folder)


def train(trainer: Trainer, validation: Sequence[SeedSequence], out: Path) -> None:
    """To the end of the budget, with a row in losses.csv and a checkpoint every few pools."""
    out.mkdir(parents=True, exist_ok=True)
    trainer.resume(out)
    with Progress() as progress, (out / "losses.csv").open("a", newline="") as file:
        rows = csv.writer(file)
        if file.tell() == 0:
            rows.writerow(["nucleotides", "learning_rate", "longest", "training_loss", "validation_loss"])
        bar = progress.add_task("starting", total=trainer.recipe.nucleotides, completed=trainer.seen)
        while not trainer.done:
            loss = trainer.train_pool()
            progress.update(bar, completed=trainer.seen, description=f"loss {loss:.3f}")
            if trainer.pool % 5 == 0 or trainer.done:
                rate, longest = learning_rate(trainer.recipe, trainer.seen), longest_at(trainer.recipe, trainer.seen)
                held = validation_loss(trainer.model, validation)
                rows.writerow([trainer.seen, f"{rate:.2e}", longest, f"{loss:.4f}", f"{held:.4f}"])
                file.flush()
                trainer.save(out)
    export(trainer.model, out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with families/rfam14_1_seed.fasta.gz")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints and the finished model")
    parser.add_argument("--nucleotides", type=int, default=Recipe.nucleotides, help="budget; sets the schedule too")
    options = parser.parse_args()
    split = load_split(options.data)
    train(Trainer(Recipe(nucleotides=options.nucleotides), split), split.validation[::4], options.out)


if __name__ == "__main__":
    main()
