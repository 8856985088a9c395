"""One cell of sae-families from beginning to end: train, score, evaluate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.adapter import ModelAdapter
from harness.datasets.alignments import model_inputs, read_alone
from harness.storage.kept import Arrays
from harness.task import CellContext, TaskOutcome
from tasks.common import subject
from tasks.sae.aggregate import AGGREGATIONS
from tasks.sae.cell import PlacedSource, SaeCell
from tasks.sae.depth import Depth
from tasks.sae.depth_picture import draw_depth
from tasks.sae.dictionaries import Dictionaries
from tasks.sae.examples import FEATURES_SHOWN, example_table, features_to_show
from tasks.sae.sequence_scores import ScoredSource, Scorer, States, StateScores
from tasks.sae.sources.letters import CompositionSource, KmerSource, LengthSource
from tasks.sae.split_quality import SplitMeter, compared
from tasks.sae.steering import add_steering
from tasks.sae_families.data import prepare
from tasks.sae_families.depth import numbers_by_layer
from tasks.sae_families.kinds import add_kinds
from tasks.sae_families.pictures import draw_similarity
from tasks.sae_families.report import CellFacts, LayerResult, layer_failures, report
from tasks.sae_families.scores import (
    SourceScores,
    aggregation_scores,
    score_dense_probe,
    score_source,
    score_stable,
    score_subsample,
)
from tasks.sae_families.tables import family_rows

if TYPE_CHECKING:
    import pandas as pd

    from harness.datasets.records import Dataset
    from tasks.sae_families.settings import SaeFamiliesSettings

MINIMUM_SUBSAMPLE = 64


class FamiliesRun:
    """Holds what the steps of a cell share."""

    def __init__(
        self, model: ModelAdapter, dataset: Dataset, settings: SaeFamiliesSettings, context: CellContext
    ) -> None:
        self.model = model
        self.dataset = dataset
        self.settings = settings
        self.context = context
        with context.phase("clusters and splits"):
            self.data = prepare(dataset, settings, context.progress)
            self.groups = [family_rows(group, self.data.items.families) for group in settings.groups]
        names = [record.id for record in self.data.scored]
        self.scorer = Scorer(names, model_inputs(model.card, self.data.scored, family_asked=True), self.data.window)
        self.cell = SaeCell(model, model_inputs(model.card, self.data.train, family_asked=True), settings, context)
        self.scored: list[StateScores] = []
        self.means: dict[int, NDArray[np.float32]] = {}

    def outcome(self) -> TaskOutcome:
        self.cell.say_how_long(sum(map(len, self.scorer.sequences)))
        with self.context.phase("k-mers, length, composition"):
            self.letter_sources = [
                self.scorer.score_letter_source(source, self.settings.headlines)
                for source in (KmerSource(), LengthSource(), CompositionSource())
            ]
        self._own_sources()
        self._random_twins()
        with self.context.phase("statistics"):
            worth = aggregation_scores((*self.scored, *self.letter_sources), self.data.items, self.settings.headlines)
            aggregation = max(worth, key=lambda name: worth[name])
            layers = [self._evaluate(layer, aggregation) for layer in self.settings.layers]
            facts = CellFacts(
                data=self.data,
                longest=self.settings.longest,
                train_nucleotides=self.cell.train_nucleotides,
                card=self.model.card,
                family_names=self.dataset.family_names,
                standardisation=self.cell.standardisation,
                groups=self.groups,
                aggregation=aggregation,
                aggregation_scores=worth,
            )
            outcome = report(facts, layers, self.dataset.subset(self.data.scored).fingerprint)
            chosen = next(result for result in layers if result.layer == outcome.basis.layer)
            add_kinds(outcome, self.dataset, self.data.items, chosen)
            if self.cell.several_layers:
                self._add_depth(outcome, layers)
            used = (*self.data.train, *self.data.scored)
            outcome.notes += read_alone(self.model.card, used, family_asked=True)
            self._draw(outcome)
            outcome.tables["large/examples"] = self._examples(outcome.tables)
        with self.context.phase("steering"):
            test = self.data.items.test
            sequences, clusters = (
                [of[row] for row in test] for of in (self.scorer.sequences, self.data.scored_clusters)
            )
            add_steering(outcome, self.cell, sequences, clusters, self.context)
        return outcome

    def _examples(self, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        """Test sequences in which features are active, for the report."""
        test = self.data.items.test
        records = [self.data.scored[test[row]] for row in compared(len(test))]
        return example_table(
            self.cell.codes, records, features_to_show(tables["features"], tables["families"], FEATURES_SHOWN)
        )

    def _draw(self, outcome: TaskOutcome) -> None:
        draw_similarity(
            self.context.artifacts / "similarity.svg",
            outcome.tables["similarity"],
            self.dataset.family_names,
            subject(self.model.card, self.dataset.card, outcome.basis.layer),
        )

    def _add_depth(self, outcome: TaskOutcome, layers: Sequence[LayerResult]) -> None:
        items = self.data.items
        numbers = [*self.cell.by_layer(items.weights), *numbers_by_layer(layers, items)]
        failed = [layer for layer, reason in layer_failures(layers, items).items() if reason]
        depth = Depth(numbers, "auroc_macro", "mean AUROC", failed)
        depth.add_to(outcome, self.settings.activation)
        draw_depth(self.context.artifacts / "depth.svg", depth, subject(self.model.card, self.dataset.card))

    def _own_sources(self) -> None:
        """Score the model's own sources, and measure its autoencoders on test."""
        cell, test = self.cell, self.data.items.test
        entries = [self._prepare(placed) for placed in cell.own_sources()]
        with self.context.phase("scoring"):
            kept = self._score(self.model, entries, "scoring", "scores", cell.trained)
        self.means = {layer: kept[f"mean {layer}"] for layer in self.settings.layers}
        with self.context.phase("quality"):
            sequences = [self.scorer.sequences[row] for row in test]
            cell.measure(kept, sequences, self.data.items.weights, self.dataset.fingerprint)

    def _random_twins(self) -> None:
        for twin in self.cell.twins():
            entries = [self._prepare(placed) for placed in twin.sources]
            measured = twin.trained if self.cell.several_layers else None
            kept = self._score(twin.model, entries, f"scoring {twin.label}", f"{twin.name} scores", measured)
            if measured:
                self.cell.measure_twin(twin, kept)

    def _prepare(self, placed: PlacedSource) -> StateScores:
        shown = AGGREGATIONS if placed.source.name == "sae" else self.settings.headlines
        return self.scorer.prepare(placed.source, placed.layer, placed.seed, shown)

    def _score(
        self,
        model: ModelAdapter,
        entries: list[StateScores],
        label: str,
        name: str,
        measured: Dictionaries | None = None,
    ) -> Arrays:
        """Fill the entries from one pass of the model, in which the quality of the autoencoders that are ``measured``
        is found too, on test.

        Returns:
            All that was kept under ``name``: the scores, the mean hidden states of every layer as "mean LAYER", and
            the arrays of :class:`SplitMeter`.
        """
        layers, place = self.settings.layers, {int(row): k for k, row in enumerate(self.data.items.test)}

        def compute() -> Arrays:
            model.load(self.context.device)
            meter = SplitMeter(measured or {}, len(place))

            def observe(index: int, hidden: States) -> None:
                if index in place:
                    meter.add(place[index], hidden)

            with self.context.progress.track(label, len(self.scorer.sequences)) as advance:
                means = self.scorer.score_model_sources(model, layers, entries, advance, observe)
            scores = {
                f"scores {number} {aggregation}": array
                for number, entry in enumerate(entries)
                for aggregation, array in entry.scores.arrays().items()
            }
            return {f"mean {layer}": array for layer, array in means.items()} | scores | dict(meter.arrays())

        kept = self.context.kept(name, compute)
        for number, entry in enumerate(entries):
            entry.scores.restore({part: kept[f"scores {number} {part}"] for part in entry.scores.aggregations})
        self.scored += entries
        return kept

    def _evaluate(self, layer: int, aggregation: str) -> LayerResult:
        """All sources at one layer, from scores that are already there."""
        items = self.data.items
        by_name: dict[str, list[ScoredSource]] = {}
        for entry in (*self.scored, *self.letter_sources):
            if entry.layer in (layer, None):
                by_name.setdefault(entry.name, []).append(entry)
        scored: dict[str, dict[str, SourceScores]] = {other: {} for other in self.settings.headlines}
        for name in self.context.progress.over(f"statistics of layer {layer}", list(by_name)):
            for other, own in scored.items():
                own[name] = score_source([entry.scored_by(other) for entry in by_name[name]], items)
        sources = scored[aggregation]
        budget = min(
            source.seeds[0].candidates for source in sources.values() if source.seeds[0].candidates >= MINIMUM_SUBSAMPLE
        )
        equal = {
            name: score_subsample(source, items, budget)
            for name, source in sources.items()
            if source.seeds[0].candidates >= budget
        }
        rows = {other: list(own.values()) for other, own in scored.items()}
        for other in AGGREGATIONS:
            if other not in rows:
                rows[other] = [score_source([entry.scored_by(other) for entry in by_name["sae"]], items)]
        shared = self.cell.shared.get(layer)
        sources["dense-probe"] = score_dense_probe(self.means[layer], items)
        return LayerResult(
            layer=layer,
            sources=sources,
            equal=equal,
            budget=budget,
            aggregations=rows,
            entries=[entry.scored_by(aggregation) for entry in by_name["sae"]],
            quality=self.cell.quality[layer],
            shared=shared,
            stable=None if shared is None else score_stable(sources["sae"], shared.stable, items),
        )
