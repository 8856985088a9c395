"""Small heads on frozen hidden states that score pairs of nucleotides, trained with one budget for every source."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import embedding

from tasks.probe_structure.examples import Examples
from tasks.structure.maps import Scores, positions

Kind = Literal["pair-linear", "pair-small"]
KINDS: tuple[Kind, ...] = ("pair-linear", "pair-small")
RANK = {"pair-linear": 16, "pair-small": 32}
HIDDEN = 32
DISTANCES = (4, 8, 16, 32, 64, 128)
"""Where bins of |i − j| begin after the first; every head learns a bias for each, whatever it reads."""
BATCH = 8
CHECKPOINTS = 4
DECAYS = (0.01, 1.0)
LEARNING_RATE = 0.01


class PairHead(nn.Module):
    """Logits of pairs, the same for (i, j) and (j, i).

    ``pair-linear`` is a symmetric form of low rank: linear in the outer product of the two states, and in each.
    ``pair-small`` projects both states, and one hidden layer reads their sum and their product.
    """

    def __init__(self, kind: Kind, width: int, prior: float) -> None:
        super().__init__()
        rank = RANK[kind]
        self.left = nn.Linear(width, rank)
        self.linear = kind == "pair-linear"
        if self.linear:
            self.right = nn.Linear(width, rank)
        else:
            self.read = nn.Sequential(nn.Linear(2 * rank, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1))
        self.distance = nn.Embedding(len(DISTANCES) + 1, 1)
        nn.init.constant_(self.distance.weight, prior)

    def forward(self, states: Tensor, i: Tensor, j: Tensor) -> Tensor:
        """(pairs,) from states (nucleotides, width) and the nucleotides of each pair."""
        left = self.left(states)
        if self.linear:
            right = self.right(states)
            mixed = embedding(i, left) * embedding(j, right) + embedding(i, right) * embedding(j, left)
            score = mixed.sum(dim=1) / 2
        else:
            first, second = embedding(i, left), embedding(j, left)
            score = self.read(torch.cat([first + second, first * second], dim=1))[:, 0]
        bins = torch.bucketize((i - j).abs(), torch.tensor(DISTANCES, device=i.device), right=True)
        return score + self.distance(bins)[:, 0]


@dataclass(frozen=True)
class Lesson:
    """States (length, width) of one RNA with its examples, ready for training."""

    states: Tensor
    i: Tensor
    j: Tensor
    known: Tensor
    weight: Tensor

    @classmethod
    def of(cls, states: Tensor, examples: Examples) -> Lesson:
        i, j = (torch.from_numpy(place[examples.pairs]).to(states.device) for place in positions(len(states)))
        truth = (examples.known, examples.weight)
        known, weight = (torch.from_numpy(own.astype(np.float32)).to(states.device) for own in truth)
        return cls(states, i, j, known, weight)


@dataclass(frozen=True)
class Trained:
    """A head and the loss on validation RNAs that it was chosen by; ``mean`` and ``spread`` are of training RNAs."""

    head: PairHead
    mean: Tensor
    spread: Tensor
    loss: float
    layer: int
    decay: float
    steps: int

    def logits(self, states: NDArray[np.float32]) -> Scores:
        """(pairs,) of an RNA with these states, (length, width)."""
        i, j = (torch.from_numpy(place) for place in positions(len(states)))
        with torch.no_grad():
            found: Scores = self.head((torch.from_numpy(states) - self.mean) / self.spread, i, j).numpy()
        return found


def train(
    kind: Kind,
    layer: int,
    states: Sequence[NDArray[np.float32]],
    examples: Sequence[Examples],
    validation: tuple[Sequence[NDArray[np.float32]], Sequence[Examples]],
    steps: int,
    seed: int,
) -> Trained:
    """The best of all weight decays and checkpoints by the loss on validation RNAs.

    The order of the RNAs depends on the seed and on how many there are, not on the source.
    """
    mean, spread = mean_and_spread(torch.from_numpy(np.concatenate(states)))

    def lessons(some: Sequence[NDArray[np.float32]], of: Sequence[Examples]) -> list[Lesson]:
        rows = [(torch.from_numpy(own) - mean) / spread for own in some]
        return [Lesson.of(own, found) for own, found in zip(rows, of, strict=True)]

    training, held_out = lessons(states, examples), batch(lessons(*validation))
    best: Trained | None = None
    for decay in DECAYS:
        head = new_head(kind, len(mean), examples, seed)
        optimiser = torch.optim.AdamW(head.parameters(), lr=LEARNING_RATE, weight_decay=decay)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 - step / steps)
        generator = np.random.default_rng([seed, len(training)])
        for step in range(1, steps + 1):
            some = generator.integers(len(training), size=BATCH)
            optimiser.zero_grad()
            loss_of(head, batch([training[k] for k in some])).backward()
            optimiser.step()
            schedule.step()
            if is_checkpoint(step, steps):
                with torch.no_grad():
                    loss = float(loss_of(head, held_out))
                if best is None or loss < best.loss:
                    best = Trained(copy.deepcopy(head), mean, spread, loss, layer, decay, step)
    assert best is not None
    return best


def is_checkpoint(step: int, steps: int) -> bool:
    """Whether this is one of the steps, counted from 1, after which training may have been long enough."""
    return step * CHECKPOINTS // steps > (step - 1) * CHECKPOINTS // steps


def mean_and_spread(states: Tensor) -> tuple[Tensor, Tensor]:
    """Of every dimension, over nucleotides; a dimension that does not vary has spread 1."""
    spread = states.std(dim=0, correction=0)
    return states.mean(dim=0), torch.where(spread > 0, spread, torch.ones_like(spread))


def new_head(kind: Kind, width: int, examples: Sequence[Examples], seed: int) -> PairHead:
    """A head with the start of this seed, that expects as many pairs as there are among the examples."""
    known = sum(float(own.weight[own.known].sum()) for own in examples)
    total = sum(float(own.weight.sum()) for own in examples)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return PairHead(kind, width, float(np.log(known / (total - known))))


def batch(lessons: Sequence[Lesson]) -> Lesson:
    """RNAs as one: their nucleotides one after the other."""
    starts = np.cumsum([0, *(len(own.states) for own in lessons)]).tolist()
    return Lesson(
        torch.cat([own.states for own in lessons]),
        torch.cat([own.i + start for own, start in zip(lessons, starts, strict=False)]),
        torch.cat([own.j + start for own, start in zip(lessons, starts, strict=False)]),
        torch.cat([own.known for own in lessons]),
        torch.cat([own.weight for own in lessons]),
    )


def loss_of(head: PairHead, lesson: Lesson) -> Tensor:
    """Cross-entropy of the average pair, of all pairs that the examples stand for."""
    losses = nn.functional.binary_cross_entropy_with_logits(
        head(lesson.states, lesson.i, lesson.j), lesson.known, weight=lesson.weight, reduction="sum"
    )
    return losses / lesson.weight.sum()
