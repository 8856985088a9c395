"""From predicted families to the numbers of a record: at one example, at few, at all, and the gaps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from harness.statistics.bootstrap import Estimate
from harness.task import Highlights, Metric, TableRow
from tasks.common import CORRELATION, SHARE, metric, table_row
from tasks.kinds import FamilyKinds
from tasks.probe_families.data import FamilyData
from tasks.probe_families.heads import CENTROID, LOOKUP
from tasks.probe_families.probing import HEADS, Fit, Key, Probed
from tasks.probe_families.scoring import Truth, over_seeds
from tasks.probes.layers import layer_rows
from tasks.probes.sources import MODEL, TWINS

UNITS = {
    "f1_probed": "macro F1 with all examples, of the head that validation prefers",
    "accuracy_probed": "accuracy of the same, mean over families",
    "f1_zero_shot": "macro F1 of the nearest of one example per family; nothing is trained",
    "gap": "macro F1 probed minus zero-shot, paired",
    "f1_few": "macro F1 with few examples, of the head that validation prefers",
    "gain_over_twins": "macro F1 probed minus that of random twins, paired",
    "gain_over_kmers": "macro F1 probed minus that of k-mers, paired",
    "gain_over_composition": "macro F1 probed minus that of composition, paired",
    "gain_over_lookup": "macro F1 probed minus that of the most similar training sequence, paired",
}
"""The metrics of the task in their order, and what they mean."""

OTHERS = {
    TWINS: "gain_over_twins",
    "kmers": "gain_over_kmers",
    "composition": "gain_over_composition",
    LOOKUP: "gain_over_lookup",
}


class Place(NamedTuple):
    """A probe without its seed."""

    head: str
    examples: int
    layer: int | None


@dataclass(frozen=True)
class SourceResult:
    """All seeds of a source, scored."""

    name: str
    parts: Sequence[Probed]
    truth: Truth

    @cached_property
    def places(self) -> list[Place]:
        found = {Place(*key[:3]) for part in self.parts for key in part.fits}
        return sorted(
            found, key=lambda own: (HEADS.index(own.head), own.examples, -1 if own.layer is None else own.layer)
        )

    def fits(self, place: Place) -> dict[int, Fit]:
        """By seed."""
        own = {key.seed: fit for part in self.parts for key, fit in part.fits.items() if Place(*key[:3]) == place}
        return dict(sorted(own.items()))

    @cached_property
    def scores(self) -> dict[Place, dict[str, Estimate]]:
        """f1 and accuracy of every probe, means over seeds."""
        found = {}
        for place in self.places:
            seeds = [self.truth.estimates(fit.predicted) for fit in self.fits(place).values()]
            found[place] = {name: over_seeds([own[name] for own in seeds]) for name in ("f1", "accuracy")}
        return found

    def validation(self, place: Place) -> float:
        return float(np.mean([fit.validation for fit in self.fits(place).values()]))

    def best(self, count: int, head: str | None = None) -> Place:
        """What validation prefers; among equals the simpler head, then the lower layer."""
        own = [place for place in self.places if place.examples == count and head in (None, place.head)]
        return max(own, key=self.validation)

    @cached_property
    def by_layer(self) -> dict[int, tuple[Estimate, float]]:
        """Macro F1 on test and on validation at each of several layers, all examples, with the head preferred there."""
        most = max(place.examples for place in self.places)
        layers = sorted({place.layer for place in self.places if place.layer is not None})
        best = {
            layer: max((own for own in self.places if (own.examples, own.layer) == (most, layer)), key=self.validation)
            for layer in layers
        }
        return {layer: (self.scores[own]["f1"], self.validation(own)) for layer, own in best.items()}

    def by_examples(self) -> dict[int, Estimate]:
        """Macro F1 with every number of examples, of what validation prefers."""
        counts = sorted({place.examples for place in self.places})
        return {count: self.scores[self.best(count)]["f1"] for count in counts}


def estimates(results: Mapping[str, SourceResult], counts: Sequence[int]) -> dict[str, Estimate | None]:
    """The metrics of the record with their draws, by name."""
    model, everything = results[MODEL], counts[-1]
    best = model.scores[model.best(everything)]
    zero_shot = model.scores[model.best(counts[0], CENTROID)]["f1"] if counts[0] == 1 else None
    found = {
        "f1_probed": best["f1"],
        "accuracy_probed": best["accuracy"],
        "f1_zero_shot": zero_shot,
        "gap": None if zero_shot is None else best["f1"] - zero_shot,
        "f1_few": model.scores[model.best(counts[-2])]["f1"] if len(counts) > 1 else None,
    }
    for name, metric_name in OTHERS.items():
        other = results.get(name)
        found[metric_name] = None if other is None else best["f1"] - other.scores[other.best(everything)]["f1"]
    return found


def metrics(found: Mapping[str, Estimate | None]) -> dict[str, Metric]:
    """The metrics of the record."""
    shares = ("f1", "acc")
    return {
        name: metric(found[name], unit, within=SHARE if name.startswith(shares) else CORRELATION)
        for name, unit in UNITS.items()
    }


def rows(results: Mapping[str, SourceResult], counts: Sequence[int], layer: int | None) -> Iterator[TableRow]:
    """Every source at its best, with ``layer`` as that of the headline; then every probe, and the model against it."""
    model = results[MODEL]
    for name, own in results.items():
        best = own.scores[own.best(counts[-1])]
        yield table_row("f1_probed", best["f1"], name, layer, within=SHARE)
        yield table_row("accuracy_probed", best["accuracy"], name, layer, within=SHARE)
        for place, scores in own.scores.items():
            stratum = described(place, counts)
            yield table_row("f1_probed", scores["f1"], name, place.layer, stratum, within=SHARE)
            yield table_row("accuracy_probed", scores["accuracy"], name, place.layer, stratum, within=SHARE)
            yield TableRow(
                name="f1_validation", source=name, layer=place.layer, stratum=stratum, value=own.validation(place)
            )
        if name != MODEL:
            for count in counts:
                gain = model.scores[model.best(count)]["f1"] - own.scores[own.best(count)]["f1"]
                yield table_row(OTHERS[name], gain, MODEL, layer, of_count(count, counts), within=CORRELATION)
        if name in (MODEL, TWINS):
            yield from layer_rows("f1_probed", "f1_validation", name, own.by_layer)


def by_kind(
    results: Mapping[str, SourceResult], kinds: FamilyKinds, counts: Sequence[int], layer: int | None
) -> Iterator[TableRow]:
    """Accuracy with all examples by kind of family and by number of sequences, of every source at its best."""
    for name, own in results.items():
        fits = own.fits(own.best(counts[-1])).values()
        shares = np.mean([own.truth.by_family(fit.predicted) for fit in fits], axis=0)
        yield from kinds.rows("accuracy_probed", shares, name, layer, own.truth.draws)


def of_count(count: int, counts: Sequence[int]) -> str:
    if count == counts[-1]:
        return "all examples"
    return f"{count:,} example{'s' if count > 1 else ''} per family"


def described(place: Place, counts: Sequence[int]) -> str:
    return f"{place.head}, {of_count(place.examples, counts)}"


def selected(results: Mapping[str, SourceResult], counts: Sequence[int]) -> dict[str, object]:
    """What validation chose, of every source and number of examples."""
    return {
        name: [
            own.best(count)._asdict() | {"penalties": [fit.penalty for fit in own.fits(own.best(count)).values()]}
            for count in counts
        ]
        for name, own in results.items()
    }


def highlights(results: Mapping[str, SourceResult], counts: Sequence[int]) -> Highlights:
    """All sources side by side, each at the layer that validation prefers."""
    lines = []
    for head in HEADS:
        for count in counts:
            values = []
            for own in results.values():
                has = any(place.head == head for place in own.places)
                values.append(f"{own.scores[own.best(count, head)]['f1'].value:.3f}" if has else "–")
            lines.append((f"{head}, {of_count(count, counts)}", *values))
    return Highlights(title="Macro F1 on test sequences", columns=("head", *results), rows=tuple(lines))


def items(results: Mapping[str, SourceResult], data: FamilyData) -> pd.DataFrame:
    """One row per test sequence, source, head, number of examples, layer and seed: whether its family was found."""
    test, frames = data.records["test"], []
    for name, own in results.items():
        fits: dict[Key, Fit] = {key: fit for part in own.parts for key, fit in part.fits.items()}
        for key, fit in fits.items():
            frames.append(
                pd.DataFrame(
                    {
                        "item": [record.id for record in test],
                        "cluster": [record.cluster or record.id for record in test],
                        "family": [record.family for record in test],
                        "metric": "right",
                        "source": name,
                        "layer": pd.array([key.layer] * len(test), dtype="Int64"),
                        "seed": key.seed,
                        "head": key.head,
                        "examples": key.examples,
                        "predicted": [data.families[k] for k in fit.predicted],
                        "value": (fit.predicted == data.labels["test"]).astype(float),
                    }
                )
            )
    together = pd.concat(frames, ignore_index=True)
    return together.astype({name: "category" for name in ("metric", "source", "head", "family", "predicted")})


def notes(found: Mapping[str, Estimate | None]) -> Iterator[str]:
    """Which controls the model does not beat beyond doubt."""
    words = {
        "gain_over_twins": "probes of random twins",
        "gain_over_kmers": "the same probes of k-mers",
        "gain_over_composition": "the same probes of composition",
        "gain_over_lookup": "the most similar training sequence",
    }
    for name, what in words.items():
        own = found[name]
        if own is not None and not (interval := own.interval()).low > 0:
            verb = "does worse than" if interval.high < 0 else "gains nothing certain over"
            yield f"the model {verb} {what}: {own.value:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"
