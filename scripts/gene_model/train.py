"""Train a small language model of CTCF peaks, masked or causal, on a CPU core in a few minutes.

    python -m scripts.gene_model.train masked --out runs/gene-masked
    python -m scripts.gene_model.train causal --out runs/gene-causal

Reads the dataset ctcf-peaks below $HARNESS_DATA. The peaks on which sae-motifs chooses and scores, and those that are
like one of them, take no part (``split.py``). FOLDER receives the model as from_pretrained reads it and
``gene_model.py``, a plugin that gives it a name:

    harness run --plugin runs/gene-masked/gene_model.py --model gene-masked --task sae-motifs --dataset ctcf-peaks
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from rich.progress import Progress
from torch import Tensor, nn

from scripts.gene_model.split import load_peaks
from scripts.ncrna_nano.batches import CLS, EOS, IGNORED, MASK, NUCLEOTIDES, PAD, encode, mask_nucleotides
from scripts.ncrna_nano.objective import masked_loss
from scripts.ncrna_nano.train import export, learning_rate

Kind = Literal["masked", "causal"]

_COMPLEMENT = str.maketrans("ACGU", "UGCA")
_PLUGIN = '''"""A small {kind} language model of CTCF peaks (scripts/gene_model/train.py)."""

from pathlib import Path

from model_adapters.encoder.pretrained import from_folder

MODELS = {{
    "gene-{kind}": from_folder(
        "gene-{kind}",
        Path(__file__).parent,
        letters="RNA",
        leading=["<cls>"],
        trailing=["<eos>"],
        summary="a small {kind} language model of CTCF peaks, {parameters:,} parameters",
        corpus="{sequences:,} CTCF peaks of 100 bp, either strand",
        exposure={{"ctcf-peaks": "peaks that sae-motifs chooses or scores on, and those like them, were held out"}},
        licence="that of the peaks (MIT)",
    )
}}
'''


@dataclass(frozen=True)
class Recipe:
    """Every number that the weights depend on."""

    kind: Kind
    nucleotides: int = 9_000_000
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    warm_up: float = 0.02
    decay: float = 0.5
    clip: float = 1.0
    seed: int = 2024
    batch: int = 32
    masked: float = 0.2
    width: int = 64
    layers: int = 3
    heads: int = 4


def make_model(recipe: Recipe) -> Any:
    """ESM (masked) or Llama (causal) of the transformers library, both with rotary positions."""
    from transformers import EsmConfig, EsmForMaskedLM, LlamaConfig, LlamaForCausalLM

    common = {
        "vocab_size": 28,
        "hidden_size": recipe.width,
        "num_hidden_layers": recipe.layers,
        "num_attention_heads": recipe.heads,
        "intermediate_size": 4 * recipe.width,
        "max_position_embeddings": 512,
        "pad_token_id": PAD,
        "bos_token_id": CLS,
        "eos_token_id": EOS,
    }
    torch.manual_seed(recipe.seed)
    if recipe.kind == "causal":
        return LlamaForCausalLM(LlamaConfig(**common, tie_word_embeddings=False))
    dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "token_dropout": False}
    return EsmForMaskedLM(
        EsmConfig(**common, **dropout, mask_token_id=MASK, position_embedding_type="rotary", tie_word_embeddings=False)
    )


def either_strand(sequences: Sequence[str], generator: np.random.Generator) -> list[str]:
    """Every sequence as it is or its reverse complement, by the toss of a coin."""
    flipped = generator.random(len(sequences)) < 0.5
    return [s[::-1].translate(_COMPLEMENT) if flip else s for s, flip in zip(sequences, flipped, strict=True)]


def batches(sequences: Sequence[str], recipe: Recipe, epoch: int) -> Iterator[list[str]]:
    """Once through all sequences in an order of the epoch's own."""
    generator = np.random.default_rng([recipe.seed, epoch])
    shuffled = either_strand([sequences[index] for index in generator.permutation(len(sequences))], generator)
    yield from (shuffled[start : start + recipe.batch] for start in range(0, len(shuffled), recipe.batch))


def loss_of(
    model: nn.Module, recipe: Recipe, batch: Sequence[str], generator: torch.Generator, training: bool
) -> Tensor:
    """Mean cross-entropy in nats: of hidden nucleotides, or of every nucleotide given those before it."""
    ids = encode(batch)
    if recipe.kind == "masked":
        shown, labels = mask_nucleotides(ids, recipe.masked, generator, corrupt=training)
        return masked_loss(model(input_ids=shown).logits, labels)
    nucleotide = (ids >= NUCLEOTIDES["A"]) & (ids <= NUCLEOTIDES["U"])
    labels = ids.masked_fill(~nucleotide, IGNORED)
    return masked_loss(model(input_ids=ids).logits[:, :-1], labels[:, 1:])


def validation_loss(model: nn.Module, recipe: Recipe, sequences: Sequence[str]) -> float:
    """The same on held-out sequences, all hidden nucleotides shown as the mask."""
    generator = torch.Generator().manual_seed(0)
    model.eval()
    with torch.no_grad():
        parts = [sequences[start : start + 256] for start in range(0, len(sequences), 256)]
        losses = [loss_of(model, recipe, part, generator, training=False).item() * len(part) for part in parts]
    model.train()
    return sum(losses) / len(sequences)


def train(recipe: Recipe, training: Sequence[str], validation: Sequence[str], out: Path) -> Any:
    """To the end of the budget; a row in losses.csv at every twentieth of it."""
    out.mkdir(parents=True, exist_ok=True)
    model = make_model(recipe).train()
    optimiser = torch.optim.AdamW(model.parameters(), weight_decay=recipe.weight_decay, betas=(0.9, 0.98), fused=True)
    generator = torch.Generator().manual_seed(recipe.seed)
    seen, epoch, written, losses = 0, 0, 0, list[float]()
    with Progress() as progress, (out / "losses.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["nucleotides", "training", "validation"])
        bar = progress.add_task(recipe.kind, total=recipe.nucleotides)
        while seen < recipe.nucleotides:
            for batch in batches(training, recipe, epoch):
                for group in optimiser.param_groups:
                    group["lr"] = learning_rate(recipe, seen)  # type: ignore[arg-type]
                loss = loss_of(model, recipe, batch, generator, training=True)
                optimiser.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
                optimiser.step()
                seen += sum(map(len, batch))
                losses.append(loss.item())
                progress.update(bar, completed=seen, description=f"{recipe.kind} {losses[-1]:.3f}")
                if seen * 20 // recipe.nucleotides > written or seen >= recipe.nucleotides:
                    written = seen * 20 // recipe.nucleotides
                    mean, losses = sum(losses) / len(losses), []
                    if not math.isfinite(mean):
                        raise FloatingPointError(f"the loss is not finite after {seen:,} nucleotides")
                    rows.writerow([seen, f"{mean:.4f}", f"{validation_loss(model, recipe, validation):.4f}"])
                    file.flush()
                if seen >= recipe.nucleotides:
                    break
            epoch += 1
    return model


def save(model: Any, recipe: Recipe, sequences: int, out: Path) -> None:
    """The model and its tokenizer, and the plugin that names it."""
    export(model, out)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    plugin = _PLUGIN.format(kind=recipe.kind, parameters=parameters, sequences=sequences)
    (out / "gene_model.py").write_text(plugin, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["masked", "causal"])
    parser.add_argument("--out", type=Path, required=True, help="folder for the finished model")
    parser.add_argument("--nucleotides", type=int, default=Recipe.nucleotides, help="budget; sets the schedule too")
    options = parser.parse_args()
    recipe = Recipe(options.kind, nucleotides=options.nucleotides)
    peaks = load_peaks()
    print(f"{len(peaks.training):,} peaks train; {peaks.alike:,} are like one that is held out")
    model = train(recipe, peaks.training, peaks.validation, options.out)
    save(model, recipe, len(peaks.training), options.out)


if __name__ == "__main__":
    main()
