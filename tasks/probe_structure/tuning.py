"""The small head trained together with the last blocks of the model, by low-rank adapters or all of their weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from harness.adapter import ModelAdapter, Trainable
from tasks.probe_structure.examples import Examples
from tasks.probe_structure.heads import (
    BATCH,
    DECAYS,
    LEARNING_RATE,
    Lesson,
    PairHead,
    batch,
    is_checkpoint,
    loss_of,
    mean_and_spread,
    new_head,
)
from tasks.probe_structure.settings import ProbeStructureSettings
from tasks.structure.data import Rna
from tasks.structure.maps import Scores, positions

TUNED = "pair-tuned"
RATE_OF_BLOCKS = LEARNING_RATE / 10
"""Weights that were trained before move in smaller steps than those of a new head."""


@dataclass(frozen=True)
class Tuned:
    """A head, the copy of the model that it was trained with, and the loss on validation RNAs that chose the step."""

    head: PairHead
    copy: Trainable
    mean: Tensor
    spread: Tensor
    loss: float
    steps: int

    def logits(self, rnas: Sequence[Rna]) -> list[Scores]:
        """(pairs,) of every RNA."""
        found: list[Scores] = []
        with torch.no_grad():
            for own in _states(self.copy, rnas):
                i, j = (torch.from_numpy(place).to(own.device) for place in positions(len(own)))
                found.append(self.head((own - self.mean) / self.spread, i, j).cpu().numpy())
        return found


def tune(
    model: ModelAdapter,
    rnas: Sequence[Rna],
    examples: Sequence[Examples],
    validation: tuple[Sequence[Rna], Sequence[Examples]],
    settings: ProbeStructureSettings,
    seed: int,
    device: str,
) -> Tuned:
    """As :func:`tasks.probe_structure.heads.train` trains ``pair-small``: the same steps, RNAs and checkpoints.

    Raises:
        NotApplicable: the model has no copy that could be trained.
    """
    copy = model.trainable(settings.tuned_blocks, settings.tuned_rank or None, seed, device)
    with torch.no_grad():
        mean, spread = mean_and_spread(torch.cat(list(_states(copy, rnas))))
    head = new_head("pair-small", len(mean), examples, seed).to(mean.device)

    def lesson(some: Sequence[Rna], of: Sequence[Examples]) -> Lesson:
        states = copy.states([rna.sequence for rna in some])
        return batch([Lesson.of((own - mean) / spread, found) for own, found in zip(states, of, strict=True)])

    def held_out() -> float:
        total = weight = 0.0
        with torch.no_grad():
            for first in range(0, len(validation[0]), BATCH):
                own = lesson(validation[0][first : first + BATCH], validation[1][first : first + BATCH])
                part = float(own.weight.sum())
                weight, total = weight + part, total + part * float(loss_of(head, own))
        return total / weight

    trained = [*head.parameters(), *copy.parameters]
    groups = [
        {"params": list(head.parameters()), "lr": LEARNING_RATE},
        {"params": copy.parameters, "lr": RATE_OF_BLOCKS},
    ]
    optimiser = torch.optim.AdamW(groups, weight_decay=DECAYS[0])
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 - step / settings.steps)
    generator = np.random.default_rng([seed, len(rnas)])
    least, best, when = float("inf"), [own.detach().clone() for own in trained], 0
    for step in range(1, settings.steps + 1):
        some = generator.integers(len(rnas), size=BATCH)
        optimiser.zero_grad()
        loss_of(head, lesson([rnas[k] for k in some], [examples[k] for k in some])).backward()
        optimiser.step()
        schedule.step()
        if is_checkpoint(step, settings.steps) and (loss := held_out()) < least:
            least, best, when = loss, [own.detach().clone() for own in trained], step
    with torch.no_grad():
        for own, kept in zip(trained, best, strict=True):
            own.copy_(kept)
    return Tuned(head, copy, mean, spread, least, when)


def _states(copy: Trainable, rnas: Sequence[Rna]) -> Iterator[Tensor]:
    """In batches as large as those of training."""
    for first in range(0, len(rnas), BATCH):
        yield from copy.states([rna.sequence for rna in rnas[first : first + BATCH]])
