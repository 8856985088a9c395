"""What every figure reads out of records: models on the same items, and what tells two such groups apart."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from harness.publish.escape import markdown
from harness.publish.groups import Group, section_title
from harness.publish.scores import Board, Boards, Score, sign
from harness.result import ResultRecord
from harness.statistics.bootstrap import Interval
from harness.task import Metric

FEWEST_MODELS = 5
"""With fewer, nothing is concluded about models: even a perfect rank correlation of four is often chance."""


class Figure(NamedTuple):
    """One picture with its words. ``where``, ``table`` and ``answer`` are Markdown; ``name`` is that of the file."""

    where: str
    name: str
    picture: str
    table: str
    answer: str


@dataclass(frozen=True)
class Trial:
    """Models of one task that were scored on the same items of real data, and what they stand beside.

    ``title`` tells it from every other trial, in plain text.
    """

    task: str
    title: str
    group: Group
    board: Board

    @property
    def models(self) -> tuple[Score, ...]:
        """The models with draws that pair, best first; of several layers of one model the best."""
        once: dict[str | None, Score] = {}
        for own in self.board.ranked:
            once.setdefault(own.record.model.identity, own)
        return tuple(once.values())

    @property
    def record(self) -> ResultRecord:
        return self.board.models[0].record

    @property
    def direction(self) -> int:
        """-1 where lower is better."""
        return sign(self.record)

    @property
    def axis(self) -> str:
        """The headline in words, and which way is better."""
        better = "lower" if self.direction < 0 else "higher"
        return f"{self.record.task.label(self.record.task.headline)} ({better} is better)"

    @property
    def where(self) -> str:
        return f"[{markdown(self.task)}]({self.task}.md), {markdown(self.title)}"

    def file_name(self, figure: str) -> str:
        """Named after what the trial shares, so that a new one leaves no old picture behind."""
        return f"{figure}-{self.task}-{hashlib.sha256(repr(self.group).encode()).hexdigest()[:6]}.svg"


def trials(standings: Mapping[str, Boards]) -> list[Trial]:
    """Every group of comparable results with a model, by task and in the order of its page; simulated data left out."""
    found = []
    for task, boards in sorted(standings.items()):
        kept = [(group, board) for group, _, board in boards if board.models and not group.simulated]
        records = [board.models[0].record for _, board in kept]
        for (group, board), title in zip(kept, _titles([group for group, _ in kept], records), strict=True):
            found.append(Trial(task, title, group, board))
    return found


def as_written(interval: Interval, direction: int) -> Metric:
    """An interval in which higher is better, with the sign of its metric again; without ends where no draw has any."""
    ends = sorted((direction * interval.low, direction * interval.high))
    low, high = ends if np.isfinite(ends).all() else (None, None)
    return Metric(value=direction * interval.value, low=low, high=high, n=interval.n)


def seed_of(scores: Iterable[Score]) -> int:
    """A seed from what was measured: the same whatever the order of reading."""
    return zlib.crc32("\n".join(sorted(own.record.cell for own in scores)).encode())


def _titles(groups: Sequence[Group], records: Sequence[ResultRecord]) -> Iterator[str]:
    """The dataset, and where several groups share one, what of their settings differs."""
    plain = [section_title(record) for record in records]
    facts = [_facts(group, record) for group, record in zip(groups, records, strict=True)]
    for title, own in zip(plain, facts, strict=True):
        alike = [other for name, other in zip(plain, facts, strict=True) if name == title]
        keys = sorted({key for other in alike for key in other})
        differing = [key for key in keys if len({repr(other.get(key)) for other in alike}) > 1]
        told = [f"{key.replace('_', ' ')} {own[key]}" for key in differing if own.get(key) not in (None, "", [])]
        yield ", ".join([title, *told])


def _facts(group: Group, record: ResultRecord) -> dict[str, object]:
    settings: dict[str, object] = json.loads(group.settings)
    return settings | {
        "task version": record.task.version,
        "fingerprint": record.dataset.fingerprint[:6],
        "layers": "chosen" if group.chosen else "last",
        "items": group.items[:6],
    }
