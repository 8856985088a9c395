"""One cell of sae-structure from beginning to end: train, choose, score."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd
import scipy.sparse

from harness.adapter import ModelAdapter
from harness.datasets.alignments import model_inputs, read_alone
from harness.errors import NotApplicable
from harness.storage.kept import Arrays
from harness.task import CellContext, TaskOutcome
from tasks.common import subject, with_shuffled_letters
from tasks.sae.cell import PlacedSource, SaeCell
from tasks.sae.concepts.choice import rank_auroc
from tasks.sae.concepts.membership import Integers
from tasks.sae.depth import MODEL, TWINS, Depth, Selectivities
from tasks.sae.depth_picture import draw_depth
from tasks.sae.dictionaries import Dictionaries
from tasks.sae.examples import FEATURES_SHOWN, example_table, features_to_show
from tasks.sae.sources.autoencoder import SaeSource
from tasks.sae.sources.base import Features, LetterSource, StateSource
from tasks.sae.sources.letters import CompositionSource, KmerPositionSource, KmerSource, LengthSource
from tasks.sae.sources.probe import ProbeSource
from tasks.sae.split_quality import SplitMeter, compared, compared_codes
from tasks.sae.stability import decoder_stability
from tasks.sae.steering import add_steering
from tasks.sae_structure.choices import (
    ALL,
    EQUAL,
    MINIMUM_SUBSAMPLE,
    STABLE,
    Entry,
    active_somewhere,
    choose,
    choosing_rows,
    null_of_shifts,
    subsample,
)
from tasks.sae_structure.data import FEWEST_NEW, prepare
from tasks.sae_structure.nucleotides import ELEMENTS, HEADLINE, Nucleotides, distance_edges
from tasks.sae_structure.passes import Passes, Readable
from tasks.sae_structure.pictures import draw_logos, draw_profiles
from tasks.sae_structure.profiles import logo_table, profile_table
from tasks.sae_structure.report import (
    CellFacts,
    LayerResult,
    layer_failures,
    numbers_by_layer,
    report,
    tract_metric,
)
from tasks.sae_structure.responses import shuffle_response, shuffled_rnas, stem_lift
from tasks.sae_structure.scores import Part, SeedScores, SourceScores, score_seed, shift_p
from tasks.sae_structure.tables import element_table, feature_table, item_table
from tasks.sae_structure.tracts import tracts

if TYPE_CHECKING:
    from harness.datasets.records import Dataset
    from harness.statistics.bootstrap import Estimate
    from tasks.sae_structure.settings import SaeStructureSettings

FEWEST_NUCLEOTIDES = 20
"""An element with fewer on select or on test is left out."""
ALL_RNAS, NEW_FAMILIES = "all", "newfamily"


class StructureRun:
    """Holds what the steps of a cell share."""

    def __init__(
        self, model: ModelAdapter, dataset: Dataset, settings: SaeStructureSettings, context: CellContext
    ) -> None:
        self.model = model
        self.dataset = dataset
        self.settings = settings
        self.context = context
        with context.phase("splits and structural elements"):
            self.data = data = prepare(dataset, settings, context.progress)
            self.test, select = (Nucleotides.of(records, context.progress) for records in (data.test, data.select))
            every = [nucleotides.labels.sum(axis=0) for nucleotides in (select, self.test)]
            self.elements = tuple(
                element for element, *counts in zip(ELEMENTS, *every, strict=True) if min(counts) >= FEWEST_NUCLEOTIDES
            )
            headline = [c for c, element in enumerate(self.elements) if element in HEADLINE]
            if not headline:
                raise NotApplicable(
                    f"none of {', '.join(HEADLINE)} has {FEWEST_NUCLEOTIDES} nucleotides both on select and on test"
                )
            self.choosing = choosing_rows(select.member(self.elements), select.rna, data.select_units, headline)
            self.parts = self._parts(distance_edges(select))
        scored = np.unique(self.test.rna[self.headline_part.rows])
        self.shuffled = shuffled_rnas(scored)
        self.passes = Passes(
            select=Readable.of(model_inputs(model.card, data.select)),
            choosing=self.choosing.rows,
            test=Readable.of(model_inputs(model.card, data.test)),
            shuffled=Readable.of(
                model_inputs(model.card, [with_shuffled_letters(data.test[index]) for index in self.shuffled])
            ),
            progress=context.progress,
        )
        self.cell = SaeCell(model, model_inputs(model.card, data.train), settings, context)
        self.selectivities = Selectivities(self.parts[ALL_RNAS].weights, self.parts[ALL_RNAS].units)
        self.entries: list[Entry] = []

    def outcome(self) -> TaskOutcome:
        context = self.context
        read = (self.passes.select, self.passes.test, self.passes.shuffled)
        self.cell.say_how_long(sum(len(sequence) for readable in read for sequence in readable.sequences))
        own = self.cell.own_sources()
        sizes = (KmerSource.features, *(placed.source.features for placed in own))
        self.budget = min(size for size in sizes if size >= MINIMUM_SUBSAMPLE)
        self._measure(self._score(self.model, own, "sae", "scoring", self.cell.trained, with_probes=True))
        with context.phase("k-mers, length, composition, position"):
            for source in (KmerSource(), KmerPositionSource(), LengthSource(), CompositionSource()):
                self._score_letters(source)
        for twin in self.cell.twins():
            measured = twin.trained if self.cell.several_layers else {}
            kept = self._score(twin.model, twin.sources, twin.name, f"scoring {twin.label}", measured)
            if measured:
                self.cell.measure_twin(twin, kept)
                self._add_selectivities(TWINS, compared_codes(list(measured), kept))
        with context.phase("statistics"):
            layers = [self._evaluate(layer) for layer in self.settings.layers]
            facts = CellFacts(
                data=self.data,
                longest=self.settings.longest,
                train_nucleotides=self.cell.train_nucleotides,
                card=self.model.card,
                standardisation=self.cell.standardisation,
                elements=self.elements,
                parts=self.parts,
                choosing=len(self.choosing.rows),
            )
            outcome = report(facts, layers, self.dataset.subset((*self.data.select, *self.data.test)).fingerprint)
            if self.cell.several_layers:
                self._add_depth(outcome, layers)
            outcome.notes += read_alone(self.model.card, self.data.used)
            self._add_tables(outcome, layers)
        with context.phase("steering"):
            sequences = [record.sequence for record in self.data.test]
            add_steering(outcome, self.cell, sequences, self.data.test_units, context)
        return outcome

    def _add_depth(self, outcome: TaskOutcome, layers: Sequence[LayerResult]) -> None:
        numbers = [
            *self.cell.by_layer(self.parts[ALL_RNAS].weights),
            *self.selectivities.by_layer(),
            *numbers_by_layer(layers),
        ]
        failed = [layer for layer, reason in layer_failures(layers).items() if reason]
        depth = Depth(numbers, "mcc_macro", "mean MCC", failed)
        depth.add_to(outcome, self.settings.activation)
        draw_depth(self.context.artifacts / "depth.svg", depth, subject(self.model.card, self.dataset.card))

    @cached_property
    def _compared_rows(self) -> Integers:
        """The test nucleotides whose codes are kept."""
        return np.flatnonzero(np.isin(self.test.rna, list(compared(len(self.data.test)))))

    def _add_selectivities(self, source: str, codes: Mapping[tuple[int, int], scipy.sparse.csr_array]) -> None:
        rows = self._compared_rows
        member, rna = self.test.member(self.elements)[rows], self.test.rna[rows]
        for (layer, _), code in codes.items():
            self.selectivities.add(source, layer, code, member, rna)

    def _add_tables(self, outcome: TaskOutcome, layers: Sequence[LayerResult]) -> None:
        """What was chosen, features, examples, profiles, logos, and the numbers of every test RNA."""
        whole, part, records = self.parts[ALL_RNAS], self.headline_part, self.data.test
        shown = compared(len(records))
        member = self.test.member(self.elements)[self._compared_rows]
        runs = tracts([records[index].sequence for index in shown])
        found: dict[str, list[pd.DataFrame]] = defaultdict(list)
        for result in layers:
            layer, codes = result.layer, self.cell.codes
            own = [entry for entry in self.entries if entry.layer in (layer, None)]
            found["items"].append(item_table(own, whole, records, layer))
            found["families"].append(element_table(list(result.sources.values()), layer))
            found["features"].append(
                feature_table(result.entries, codes, member, runs, self.elements, layer, result.shared)
            )
            found["profiles"].append(profile_table(own, self.test, part, layer))
            found["logos"].append(logo_table(result.entries[0], self.test, part, self.data.test_units, layer))
        tables = {name: pd.concat(frames, ignore_index=True) for name, frames in found.items()}
        outcome.items = tables.pop("items")
        outcome.tables |= tables
        outcome.tables["large/examples"] = example_table(
            self.cell.codes,
            [records[index] for index in shown],
            features_to_show(tables["features"], tables["families"], FEATURES_SHOWN),
        )
        outcome.metrics["tract_features"] = tract_metric(tables["features"], outcome.basis.layer)
        self._draw(outcome)

    def _draw(self, outcome: TaskOutcome) -> None:
        layer, folder = outcome.basis.layer, self.context.artifacts
        says = subject(self.model.card, self.dataset.card, layer)
        profiles, logos = (outcome.tables[name] for name in ("profiles", "logos"))
        draw_profiles(folder / "profiles.svg", profiles[profiles["layer"] == layer], says)
        draw_logos(folder / "logos.svg", logos[logos["layer"] == layer], says)

    @property
    def headline_part(self) -> Part:
        """New families, where there are enough of them."""
        return list(self.parts.values())[-1]

    def _parts(self, edges: np.ndarray) -> dict[str, Part]:
        """All of test, and new families apart where there are enough of them and others too."""
        which = {ALL_RNAS: np.ones(len(self.data.test), dtype=bool)}
        if FEWEST_NEW <= self.data.new.sum() < len(self.data.test):
            which[NEW_FAMILIES] = self.data.new
        context = self.test.contexts(edges)
        return {
            name: Part.of(name, self.test, own, self.elements, context, self.data.test_units, self.settings.draws)
            for name, own in which.items()
        }

    def _score(
        self,
        model: ModelAdapter,
        placed: Sequence[PlacedSource],
        name: str,
        label: str,
        measured: Dictionaries,
        with_probes: bool = False,
    ) -> Arrays:
        """Choose on select and score on test, each in one pass of the model.

        Args:
            name: what is kept in the work folder starts with it.
            measured: the autoencoders whose quality is found in the same pass over test.

        Returns:
            All that was kept of the pass over test, with the arrays of :class:`SplitMeter`.
        """
        layers, context = self.settings.layers, self.context
        with context.phase("scoring"):

            def read_select() -> Arrays:
                model.load(context.device)
                return self.passes.select_states(model, layers, f"{label} select")

            states = context.kept(f"{name} select", read_select)
            if with_probes:
                placed = [*placed, *self._probes(states)]
            entries = [Entry(own.source, own.layer, own.seed) for own in placed]
            self._choose(entries, states)

            def read_test() -> Arrays:
                model.load(context.device)
                meter = SplitMeter(measured, len(self.data.test))
                found = self.passes.values(model, layers, entries, label, meter.add)
                return {**found, **meter.arrays()}

            kept = context.kept(f"{name} test", read_test)
            for number, entry in enumerate(entries):
                entry.values, entry.shuffled = kept[f"values {number}"], kept[f"shuffled {number}"]
            self.entries += entries
        return kept

    def _measure(self, kept: Arrays) -> None:
        with self.context.phase("quality"):
            sequences = [record.sequence for record in self.data.test]
            self.cell.measure(kept, sequences, self.parts[ALL_RNAS].weights, self.dataset.fingerprint)
            if self.cell.several_layers:
                self._add_selectivities(MODEL, self.cell.codes)

    def _probes(self, states: Arrays) -> list[PlacedSource]:
        found = []
        for layer in self.settings.layers:
            probe = ProbeSource([ELEMENTS[element] for element in self.elements])
            probe.fit(states[f"states {layer}"], self.choosing.member)
            found.append(PlacedSource(probe, layer, None))
        return found

    def _choose(self, entries: Sequence[Entry], states: Arrays) -> None:
        compare = len(self.settings.layers) > 1
        scores = {
            id(entry): cast(StateSource, entry.source).encode(states[f"states {entry.layer}"])
            for entry in entries
            if entry.name == "sae"
        }
        stable = self._stable([entry for entry in entries if entry.name == "sae"], scores)
        for number, entry in enumerate(entries):
            own = scores.get(id(entry))
            if own is None:
                own = cast(StateSource, entry.source).encode(states[f"states {entry.layer}"])
            subsets = self._subset(entry, number) | stable.get(id(entry), {})
            choose(entry, own, self.choosing, subsets, compare and entry.name == "sae")
            if entry.name == "sae":
                entry.null = null_of_shifts(own, self.choosing)
                entry.select_auroc = rank_auroc(own, self.choosing.member)

    def _subset(self, entry: Entry, number: int) -> dict[str, Integers]:
        features = entry.source.features
        return {EQUAL: subsample(features, self.budget, number)} if features >= self.budget else {}

    def _stable(self, entries: Sequence[Entry], scores: Mapping[int, Features]) -> dict[int, dict[str, Integers]]:
        """Features that all seeds of a layer share, where every seed has one: of test, nothing is asked."""
        found: dict[int, dict[str, Integers]] = {}
        for layer in self.settings.layers:
            own = [entry for entry in entries if entry.layer == layer]
            if len(own) < 2:
                continue
            live = np.stack([active_somewhere(scores[id(entry)]) for entry in own])
            stable = decoder_stability([cast(SaeSource, e.source).autoencoder for e in own], live=live).stable
            if stable.any(axis=1).all():
                found |= {id(entry): {STABLE: np.flatnonzero(mine)} for entry, mine in zip(own, stable, strict=True)}
        return found

    def _score_letters(self, source: LetterSource) -> None:
        entry = Entry(source, None, None)
        scores = self.passes.letters_of_select(source)
        choose(entry, scores, self.choosing, self._subset(entry, 0), False)
        self.passes.fill_letters(entry)
        self.entries.append(entry)

    def _evaluate(self, layer: int) -> LayerResult:
        """All sources at one layer, from scores that are already there."""
        by_name: dict[str, list[Entry]] = {}
        for entry in self.entries:
            if entry.layer in (layer, None):
                by_name.setdefault(entry.name, []).append(entry)
        asked = [(kind, name, source) for kind in (ALL, EQUAL, STABLE) for name in self.parts for source in by_name]
        scored: dict[tuple[str, str], dict[str, SourceScores]] = defaultdict(dict)
        for kind, name, source in self.context.progress.over(f"statistics of layer {layer}", asked):
            if kind in by_name[source][0].choices:
                scored[kind, name][source] = self._score_source(by_name[source], kind, self.parts[name])
        return LayerResult(
            layer=layer,
            scored=scored,
            budget=self.budget,
            entries=by_name["sae"],
            quality=self.cell.quality[layer],
            shared=self.cell.shared.get(layer),
            further=self._further(by_name),
        )

    def _further(self, by_name: Mapping[str, Sequence[Entry]]) -> dict[str, dict[str, Estimate]]:
        """Pair lift and the response to shuffling, of every source on the part of the headline."""
        part, test, shuffled = self.headline_part, self.passes.test, self.passes.shuffled
        real_rows = [slice(*test.starts[index : index + 2]) for index in self.shuffled]
        rows = [slice(*shuffled.starts[number : number + 2]) for number in range(len(self.shuffled))]
        own = np.searchsorted(np.unique(self.test.rna[part.rows]), self.shuffled)
        lifts = {name: stem_lift(entries, self.test, part) for name, entries in by_name.items()}
        return {
            "pair_lift": {name: lift for name, lift in lifts.items() if lift is not None},
            "shuffle_response": {
                name: shuffle_response(entries, part, real_rows, rows, own) for name, entries in by_name.items()
            },
        }

    def _score_source(self, entries: Sequence[Entry], kind: str, part: Part) -> SourceScores:
        seeds = []
        for entry in entries:
            choice = entry.choices[kind]
            oriented = entry.oriented(kind, part.rows)
            values = score_seed(oriented, choice.threshold, part, whole=kind == ALL)
            p = shift_p(oriented >= choice.threshold, part) if kind == ALL else np.empty(0)
            names = tuple(entry.source.feature_name(int(feature)) for feature in choice.feature)
            seeds.append(SeedScores(entry.seed, choice, names, entry.source.features, values, p))
        return SourceScores(entries[0].name, entries[0].role, tuple(seeds), part)
