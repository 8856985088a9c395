"""The HTML view of an annotation: one file with everything in it, which opens from anywhere and asks for nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.datasets.records import Record
from harness.names import printable
from harness.publish.report.examples import LEVELS, levels
from harness.publish.report.parts import Part, compact_json, script_json
from tasks.sae.annotate.annotation import by_meaning
from tasks.sae.annotate.meanings import Meaning

MOST_BYTES = 24_000_000
"""Of JSON before it is packed: about a fifth of that in the file. Further sequences are counted, and not shown."""
_BYTES_OF_A_PART = 200_000
_OF_THE_REPORT = ("page.js", "tables.js")


@dataclass
class AnnotationPage:
    """Sequences are added one after another; :meth:`html` writes the page. Memory is bounded by ``most_bytes``.

    Args:
        file: name of the file that was annotated.
        subject: model, dataset, layer and seed of the autoencoder.
        found: what the features mean.
    """

    file: str
    subject: str
    found: Sequence[Meaning]
    most_bytes: int = MOST_BYTES
    _sequences: list[list[Any]] = field(default_factory=list)
    _parts: list[list[Any]] = field(default_factory=lambda: [[]])
    _room_of_part: int = _BYTES_OF_A_PART
    _used: int = 0
    _left_out: int = 0

    def __post_init__(self) -> None:
        self._features = list(dict.fromkeys(meaning.feature for meaning in self.found))
        self._called = [0] * len(self.found)
        self._strongest = [0.0] * len(self._features)

    def add(self, record: Record, codes: NDArray[np.float32]) -> None:
        """One sequence more, with its activations (length, features)."""
        called = [place for place, (_, _, own) in enumerate(by_meaning(record, codes, self.found)) if own.any()]
        for place in called:
            self._called[place] += 1
        tracks: list[list[Any]] = [
            [column, float(f"{own.max():.4g}"), _runs(own)] for column, own in enumerate(codes.T) if (own > 0).any()
        ]
        item = [record.sequence, tracks]
        entry = [printable(record.id), len(record.sequence), called, [track[0] for track in tracks]]
        size = len(compact_json([item, entry]))
        if self._left_out or self._used + size > self.most_bytes:
            self._left_out += 1
            return
        self._used += size
        if size > self._room_of_part and self._parts[-1]:
            self._parts.append([])
            self._room_of_part = _BYTES_OF_A_PART
        self._room_of_part -= size
        self._sequences.append([*entry, len(self._parts) - 1, len(self._parts[-1])])
        self._parts[-1].append(item)
        for column, peak, _ in tracks:
            self._strongest[column] = max(self._strongest[column], peak)

    def html(self) -> str:
        """The page. Every text of a file is data in JSON, which the script writes as text and never as HTML."""
        from jinja2 import Environment, PackageLoader, StrictUndefined

        index = {
            "file": printable(self.file),
            "subject": printable(self.subject),
            "levels": LEVELS,
            "meanings": [self._meaning(place) for place in range(len(self.found))],
            "strongest": self._strongest,
            "sequences": self._sequences,
            "leftOut": self._left_out,
        }
        script = "\n".join(
            [*(_template("harness.publish.report", name) for name in _OF_THE_REPORT), _own("annotation.js")]
        )
        environment = Environment(loader=PackageLoader(__package__), autoescape=True, undefined=StrictUndefined)
        parts = {f"sequences:{number}": Part("", "", 0, items).packed() for number, items in enumerate(self._parts)}
        return environment.get_template("annotation.html").render(
            style=_template("harness.publish.report", "page.css") + _own("annotation.css"),
            script=script,
            digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            index=script_json(index),
            parts=parts,
        )

    def _meaning(self, place: int) -> list[Any]:
        own = self.found[place]
        numbers = (float(f"{own.auroc:.4g}"), float(f"{own.q:.3g}"), self._called[place], own.aggregation is None)
        return [own.feature, self._features.index(own.feature), printable(own.concept), *numbers]


def _runs(own: NDArray[np.float32]) -> list[list[Any]]:
    """Stretches in which a feature is active: [start from 0, activations as letters of LEVELS]."""
    letters = levels(own, float(own.max()))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], own > 0, [False]]).astype(int))).reshape(-1, 2)
    return [[start, letters[start:stop]] for start, stop in edges.tolist()]


def _own(name: str) -> str:
    return _template(__package__, name)


def _template(package: str, name: str) -> str:
    return files(package).joinpath("templates", name).read_text(encoding="utf-8")
