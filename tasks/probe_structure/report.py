"""From scored probes to the numbers of a record: what is found without training, with it, and the gaps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from harness.statistics.bootstrap import Estimate, nested_estimate
from harness.task import Highlights, Metric, TableRow
from tasks.common import CORRELATION, SHARE, metric, table_row
from tasks.probe_structure.heads import KINDS
from tasks.probe_structure.probing import HEADS, Probed
from tasks.probe_structure.scoring import Scored, count_table
from tasks.probe_structure.tuning import TUNED
from tasks.probes.layers import layer_rows
from tasks.probes.sources import MODEL, ONE_HOT, TWINS
from tasks.structure.data import Rna
from tasks.structure.protocol import known_pairs

UNITS = {
    "f1_probed": "pooled F1 of the head, and number of training RNAs, that validation prefers",
    "f1_zero_shot": "pooled F1 of one attention head, chosen as structure-f1 does",
    "gap": "pooled F1 probed minus zero-shot, paired",
    "gain_over_twins": "pooled F1 probed minus that of random twins, paired",
    "gain_over_one_hot": "pooled F1 probed minus that of one-hot letters, paired",
    "f1_attention_logistic": "pooled F1 of L1 logistic regression over attention maps",
    "f1_pair_linear": "pooled F1 of a form of low rank on hidden states, all training RNAs",
    "f1_pair_small": "pooled F1 of one hidden layer on hidden states, all training RNAs",
    "f1_pair_tuned": "pooled F1 of the same, trained with the last blocks of the model, all training RNAs",
    "tuning_gap": "pooled F1 tuned minus probed, paired",
}
"""The metrics of the task in their order, and what they mean."""

_FLOORS = {TWINS: "gain_over_twins", ONE_HOT: "gain_over_one_hot"}

Place = tuple[str, int]
"""Head and number of training RNAs."""


@dataclass(frozen=True)
class SourceResult:
    """All seeds of a source."""

    name: str
    parts: Sequence[Probed]
    rnas: Sequence[Rna]
    draws: int

    @cached_property
    def zero_shot(self) -> Estimate | None:
        """Pooled F1 without training; of the model itself from one choice, of twins over all of them."""
        return self._over_seeds([part.zero_shot for part in self.parts if part.zero_shot is not None])

    @cached_property
    def places(self) -> list[Place]:
        """What was fitted, in the order of heads and numbers of RNAs."""
        found = {(head, count) for part in self.parts for head, count, _ in part.heads}
        return sorted(found, key=lambda place: (HEADS.index(place[0]), place[1]))

    def scored(self, place: Place) -> dict[int, Scored]:
        """By seed, in their order."""
        own = {key[2]: scored for part in self.parts for key, scored in part.heads.items() if key[:2] == place}
        return dict(sorted(own.items()))

    @cached_property
    def probed(self) -> dict[Place, Estimate]:
        """Pooled F1 of each, the mean over seeds."""
        found = {place: self._over_seeds(list(self.scored(place).values())) for place in self.places}
        return {place: own for place, own in found.items() if own is not None}

    def layers(self, place: Place) -> list[int]:
        """The layer that validation chose for each seed; none for heads that read no hidden states."""
        found = [part.chosen[key] for part in self.parts for key in part.heads if key[:2] == place]
        return [int(own["layer"]) for own in found if "layer" in own]

    def validation(self, place: Place) -> float:
        return float(np.mean([own.validation for own in self.scored(place).values()]))

    @cached_property
    def best(self) -> Place | None:
        """What validation prefers of all heads on the model as it is; among equals the simpler, then fewer RNAs."""
        return max((own for own in self.places if own[0] != TUNED), key=self.validation, default=None)

    @cached_property
    def by_layer(self) -> dict[int, tuple[Estimate, float]]:
        """Pooled F1 on test and on validation at each of several layers, of the head preferred there."""
        found = {}
        for layer in sorted({key[1] for part in self.parts for key in part.layers}):
            options = []
            for head in KINDS:
                own = [part.layers[key] for part in self.parts for key in part.layers if key[:2] == (head, layer)]
                options.append((float(np.mean([one.validation for one in own])), own))
            validation, own = max(options, key=lambda option: option[0])
            if (estimate := self._over_seeds(own)) is not None:
                found[layer] = estimate, validation
        return found

    def by_examples(self) -> dict[int, Estimate]:
        """Pooled F1 with every number of training RNAs, of the head on states that validation prefers."""
        found: dict[int, Estimate] = {}
        for count in sorted({own[1] for own in self.places if own[0] in KINDS}):
            best = max((own for own in self.places if own[0] in KINDS and own[1] == count), key=self.validation)
            found[count] = self.probed[best]
        return found

    def _over_seeds(self, scored: Sequence[Scored]) -> Estimate | None:
        found = [own.estimates(self.rnas, self.draws)["f1_pooled"] for own in scored]
        if len(found) < 2:
            return found[0] if found else None
        return nested_estimate(np.stack([own.draws for own in found]), [own.value for own in found], found[0].n)


def estimates(results: Mapping[str, SourceResult]) -> dict[str, Estimate | None]:
    """The metrics of the record with their draws, by name."""
    own = results[MODEL]
    probed = own.probed.get(own.best) if own.best else None
    found: dict[str, Estimate | None] = {"f1_probed": probed, "f1_zero_shot": own.zero_shot}
    found["gap"] = _difference(probed, own.zero_shot)
    for name, metric_name in _FLOORS.items():
        other = results.get(name)
        found[metric_name] = _difference(probed, other.probed[other.best] if other and other.best else None)
    for head in HEADS:
        places = [place for place in own.places if place[0] == head]
        found[f"f1_{head.replace('-', '_')}"] = own.probed[places[-1]] if places else None
    return found | {"tuning_gap": _difference(found["f1_pair_tuned"], probed)}


def _difference(first: Estimate | None, second: Estimate | None) -> Estimate | None:
    return None if first is None or second is None else first - second


def metrics(found: Mapping[str, Estimate | None]) -> dict[str, Metric]:
    """The metrics of the record; what a model without attention, or without hidden states, lacks has no value."""
    return {name: metric(found[name], unit, within=_range(name)) for name, unit in UNITS.items()}


def _range(name: str) -> tuple[float, float]:
    return SHARE if name.startswith("f1") else CORRELATION


def rows(results: Mapping[str, SourceResult], layer: int | None) -> Iterator[TableRow]:
    """Every source without training and at its best, with ``layer`` as that of the headline; then with every head, and
    the gaps of the model against each."""
    model = results[MODEL]
    for name, own in results.items():
        if own.best is not None:
            yield table_row("f1_probed", own.probed[own.best], name, layer, within=SHARE)
        yield table_row("f1_zero_shot", own.zero_shot, name, layer, within=SHARE)
        for place, estimate in own.probed.items():
            stratum = described(place)
            yield table_row("f1_probed", estimate, name, stratum=stratum, within=SHARE)
            yield table_row("gap", _difference(estimate, own.zero_shot), name, stratum=stratum, within=CORRELATION)
            if name != MODEL and place in model.probed:
                gain = model.probed[place] - estimate
                yield table_row(_FLOORS[name], gain, MODEL, stratum=stratum, within=CORRELATION)
            for seed, scored in own.scored(place).items():
                yield TableRow(
                    name="f1_probed", source=name, stratum=stratum, seed=seed, value=scored.f1(known_pairs(own.rnas))
                )
                yield TableRow(name="f1_validation", source=name, stratum=stratum, seed=seed, value=scored.validation)

        yield from layer_rows("f1_probed", "f1_validation", name, own.by_layer)


def described(place: Place) -> str:
    head, count = place
    return f"{head}, {count:,} training RNAs"


def selected(results: Mapping[str, SourceResult]) -> dict[str, object]:
    """What validation chose, of every source."""
    found: dict[str, object] = {}
    for name, own in results.items():
        heads = [
            {"head": head, "training_rnas": count, "seed": seed, "threshold": part.heads[head, count, seed].threshold}
            | choice
            for part in own.parts
            for (head, count, seed), choice in part.chosen.items()
        ]
        best = {} if own.best is None else {"head": own.best[0], "training_rnas": own.best[1]}
        zero_shot = [part.zero_shot_head for part in own.parts if part.zero_shot_head]
        found[name] = {"best": best, "zero_shot": zero_shot, "heads": heads}
    return found


def highlights(results: Mapping[str, SourceResult]) -> Highlights:
    """All sources side by side."""
    places = list(dict.fromkeys(place for own in results.values() for place in own.places))
    lines = [("no training", [own.zero_shot for own in results.values()])]
    lines += [(described(place), [own.probed.get(place) for own in results.values()]) for place in places]
    return Highlights(
        title="Pooled F1 on test RNAs",
        columns=("head", *results),
        rows=tuple((name, *("–" if own is None else f"{own.value:.3f}" for own in values)) for name, values in lines),
    )


def items(results: Mapping[str, SourceResult]) -> pd.DataFrame:
    """One row per test RNA, number, source, head and seed: item, cluster, family, metric, source, seed, value, head,
    training_rnas; tp, fp, fn and tn at the threshold of validation."""
    frames = []
    for name, own in results.items():
        for part in own.parts:
            found = dict(part.heads)
            if part.zero_shot is not None:
                found["no training", 0, part.source.seeds[0] if name != MODEL else -1] = part.zero_shot
            for (head, count, seed), scored in found.items():
                table = count_table(own.rnas, scored).drop(columns=["unit", "pairs"])
                frame = table.melt(id_vars=["item", "cluster", "family"], var_name="metric", value_name="value")
                place = {"source": name, "seed": None if seed < 0 else seed, "head": head, "training_rnas": count}
                frames.append(frame.assign(**place))
    found_items = pd.concat(frames, ignore_index=True).astype({"seed": "Int64"})
    return found_items.astype({name: "category" for name in ("metric", "source", "head")})


def notes(results: Mapping[str, SourceResult]) -> Iterator[str]:
    """Whether training, and the model, add anything beyond doubt."""
    found = estimates(results)
    words = {
        "gap": "training a probe gains nothing certain over the best attention head",
        "gain_over_twins": "the model's probe gains nothing certain over probes of random twins",
        "gain_over_one_hot": "the model's probe gains nothing certain over a probe of letters",
    }
    for name, sentence in words.items():
        own = found[name]
        if own is not None and not own.interval().low > 0:
            yield f"{sentence}: {own.value:+.3f} [{own.interval().low:+.3f}, {own.interval().high:+.3f}]"
