"""Compare ncrna-nano with Markov models fitted on its training sequences, on RNAs that neither has seen.

python -m scripts.ncrna_nano.evaluate --data DATA [--weights FOLDER]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from scripts.ncrna_nano.batches import IGNORED, MASK, NUCLEOTIDES, encode, mask_nucleotides, token_batches
from scripts.ncrna_nano.markov import MarkovModel, TwoSidedMarkov
from scripts.ncrna_nano.split import FOLDER, load_split

MASKED = 0.15
ORDERS = range(9)
Hidden = list[tuple[str, NDArray[np.int64]]]


def hide(sequences: Sequence[str], seed: int = 0) -> Hidden:
    """For each sequence the positions to predict: 15 % of its nucleotides, drawn once for every model."""
    generator = torch.Generator().manual_seed(seed)
    hidden = []
    for sequence in sequences:
        _, labels = mask_nucleotides(encode([sequence]), MASKED, generator, corrupt=False)
        hidden.append((sequence, np.flatnonzero(labels[0, 1:-1].numpy() != IGNORED)))
    return [(sequence, positions) for sequence, positions in hidden if len(positions)]


def markov_losses(model: MarkovModel | TwoSidedMarkov, hidden: Hidden) -> NDArray[np.float64]:
    """Nats at every hidden position, (positions,); the neighbours of a hidden nucleotide are shown to the chain."""
    return np.concatenate(
        [
            -model.log_probabilities(sequence)[positions, ["ACGU".index(sequence[i]) for i in positions]]
            for sequence, positions in hidden
        ]
    )


def model_losses(model: torch.nn.Module, hidden: Hidden) -> NDArray[np.float64]:
    """Nats at every hidden position, (positions,), over A, C, G and U; all hidden positions are masked together."""
    positions_of = dict(hidden)
    losses: dict[str, NDArray[np.float64]] = {}
    first, last = NUCLEOTIDES["A"], NUCLEOTIDES["U"]
    with torch.inference_mode():
        for batch in token_batches(list(positions_of), 8192):
            ids = encode(batch)
            masked = ids.clone()
            for row, sequence in enumerate(batch):
                masked[row, positions_of[sequence] + 1] = MASK
            scores = model(masked).logits[:, :, first : last + 1].log_softmax(-1)
            for row, sequence in enumerate(batch):
                places = torch.from_numpy(positions_of[sequence]) + 1
                losses[sequence] = -scores[row, places, ids[row, places] - first].numpy().astype(np.float64)
    return np.concatenate([losses[sequence] for sequence, _ in hidden])


def load(folder: Path) -> torch.nn.Module:
    """The model in fp32, whatever its weights are stored as."""
    from multimolecule import RiNALMoForMaskedLM

    model: torch.nn.Module = RiNALMoForMaskedLM.from_pretrained(folder, dtype=torch.float32)
    return model.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with families/rfam14_1_seed.fasta.gz")
    parser.add_argument("--weights", type=Path, default=FOLDER)
    options = parser.parse_args()
    split = load_split(options.data)
    training = [entry.sequence for entry in split.training]
    parts = {
        "held-out families": hide([entry.sequence for entry in split.held_out]),
        "held-out clusters of known families": hide([entry.sequence for entry in split.validation]),
        "training sequences (every 10th)": hide(training[::10]),
    }
    model = load(options.weights)
    print("| nats per masked nucleotide (perplexity) | " + " | ".join(parts) + " |")
    print("|---|" + "---:|" * len(parts))
    print_row("**ncrna-nano**", [model_losses(model, hidden) for hidden in parts.values()])
    for order in ORDERS:
        chain = MarkovModel(order, training)
        print_row(f"Markov, order {order}", [markov_losses(chain, hidden) for hidden in parts.values()])
    for order in ORDERS[1:]:
        both = TwoSidedMarkov(order, training)
        print_row(f"Markov, order {order}, both sides", [markov_losses(both, hidden) for hidden in parts.values()])


def print_row(name: str, losses: Sequence[NDArray[np.float64]]) -> None:
    """A row of the table: mean loss in nats and, in brackets, its exponential."""
    means = [float(values.mean()) for values in losses]
    print(f"| {name} | " + " | ".join(f"{mean:.4f} ({np.exp(mean):.3f})" for mean in means) + " |", flush=True)


if __name__ == "__main__":
    main()
