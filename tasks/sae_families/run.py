"""One cell of sae-families from beginning to end: train, score, evaluate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.adapter import ModelAdapter, Role
from harness.datasets.alignments import model_inputs, read_alone
from harness.errors import NotApplicable
from harness.storage.kept import Arrays
from harness.task import CellContext, TaskOutcome
from harness.twins import random_twin
from tasks.common import subject
from tasks.sae.aggregate import AGGREGATIONS, HEADLINES
from tasks.sae.autoencoder.config import FrozenPart
from tasks.sae.autoencoder.model import Metadata
from tasks.sae.dictionaries import Dictionaries, DictionaryMaker
from tasks.sae.examples import example_table
from tasks.sae.sequence_scores import ScoredSource, Scorer, States, StateScores
from tasks.sae.sources.autoencoder import SaeSource
from tasks.sae.sources.letters import CompositionSource, KmerSource, LengthSource
from tasks.sae.sources.linear import IcaSource, LinearSource, NeuronSource, PcaSource
from tasks.sae.split_quality import SplitMeter, compared, compared_codes, qualities, recovered_losses
from tasks.sae_families.data import prepare
from tasks.sae_families.pictures import draw_similarity
from tasks.sae_families.report import CellFacts, LayerResult, report
from tasks.sae_families.scores import (
    aggregation_scores,
    score_dense_probe,
    score_source,
    score_stable,
    score_subsample,
)
from tasks.sae_families.tables import family_rows, features_to_show

if TYPE_CHECKING:
    import pandas as pd

    from harness.datasets.records import Dataset
    from tasks.sae_families.settings import SaeFamiliesSettings

SAMPLE_ROWS = 20_000
MINIMUM_SUBSAMPLE = 64
FEATURES_SHOWN = 256
FROZEN: tuple[FrozenPart, ...] = ("decoder", "encoder")


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
            self.data = prepare(dataset, settings)
            self.groups = [family_rows(group, self.data.items.families) for group in settings.groups]
        names = [record.id for record in self.data.scored]
        self.scorer = Scorer(names, model_inputs(model.card, self.data.scored, family_asked=True), self.data.window)
        self.train_inputs = model_inputs(model.card, self.data.train, family_asked=True)
        self.scored: list[StateScores] = []
        self.means: dict[int, NDArray[np.float32]] = {}

    def outcome(self) -> TaskOutcome:
        with self.context.phase("k-mers, length, composition"):
            self.letter_sources = [
                self.scorer.score_letter_source(source)
                for source in (KmerSource(), LengthSource(), CompositionSource())
            ]
        self._own_sources()
        self._random_twins()
        with self.context.phase("statistics"):
            worth = aggregation_scores((*self.scored, *self.letter_sources), self.data.items)
            aggregation = max(worth, key=lambda name: worth[name])
            layers = [self._evaluate(layer, aggregation) for layer in self.settings.layers]
            facts = CellFacts(
                data=self.data,
                longest=self.settings.longest,
                train_nucleotides=self.train_nucleotides,
                card=self.model.card,
                family_names=self.dataset.family_names,
                standardisation=self.standardisation,
                groups=self.groups,
                aggregation=aggregation,
                aggregation_scores=worth,
            )
            outcome = report(facts, layers, self.dataset.subset(self.data.scored).fingerprint)
            used = (*self.data.train, *self.data.scored)
            outcome.notes += read_alone(self.model.card, used, family_asked=True)
            self._draw(outcome)
            outcome.tables["large/examples"] = self._examples(outcome.tables)
        return outcome

    def _examples(self, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        """Test sequences in which features are active, for the report."""
        test = self.data.items.test
        records = [self.data.scored[test[row]] for row in compared(len(test))]
        return example_table(
            self.codes, records, features_to_show(tables["features"], tables["families"], FEATURES_SHOWN)
        )

    def _draw(self, outcome: TaskOutcome) -> None:
        draw_similarity(
            self.context.artifacts / "similarity.svg",
            outcome.tables["similarity"],
            self.dataset.family_names,
            subject(self.model.card, self.dataset.card, outcome.basis.layer),
        )

    def _own_sources(self) -> None:
        """The model's own sources: autoencoders, trained, half frozen and untrained; neurons, PCA, ICA."""
        settings, context = self.settings, self.context
        with context.phase("activations"):
            maker = self._maker(self.model, "sae")
            self.train_nucleotides = maker.stream.nucleotides
            self.standardisation = maker.standardisation
        with context.phase("training"):
            trained = maker.trained(settings.seeds, "sae", ("none", *FROZEN))
            self.trained = trained["none"]
            untrained = maker.untrained(settings.seeds)
        with context.phase("PCA and ICA"):
            entries = [self.scorer.prepare(source, layer, None) for layer, source in self._linear_sources(maker)]
        entries += self._sae_entries(self.trained, "sae", "model", AGGREGATIONS)
        entries += self._sae_entries(untrained, "sae-untrained", "ablation")
        for part in FROZEN:
            entries += self._sae_entries(trained[part], f"sae-frozen-{part}", "ablation")
        with context.phase("scoring"):
            kept = self._score(self.model, entries, "scoring", "scores", self.trained)
        self.means = {layer: kept[f"mean {layer}"] for layer in settings.layers}
        with context.phase("quality"):
            self._measure(self.trained, kept)

    def _linear_sources(self, maker: DictionaryMaker) -> list[tuple[int, LinearSource]]:
        """Neurons, PCA and ICA of every layer."""
        kinds: tuple[type[LinearSource], ...] = (NeuronSource, PcaSource, IcaSource)
        sources = [(layer, kind()) for layer in self.settings.layers for kind in kinds]

        def fit() -> Arrays:
            samples = _sample(maker)
            for layer, source in sources:
                source.fit(samples[layer])
            return {
                f"{layer} {source.name} {part}": array
                for layer, source in sources
                for part, array in (("mean", source.mean), ("directions", source.directions))
            }

        kept = self.context.kept("PCA and ICA", fit)
        for layer, source in sources:
            start = f"{layer} {source.name}"
            source.mean, source.directions = kept[f"{start} mean"], kept[f"{start} directions"]
        return sources

    def _measure(self, autoencoders: Dictionaries, measured: Arrays) -> None:
        """Quality on test, and the checkpoints that carry it."""
        items = self.data.items
        sequences = [self.scorer.sequences[row] for row in items.test]
        keys = list(autoencoders)
        self.quality, found, self.shared = qualities(keys, measured, items.weights)
        self.codes = compared_codes(keys, measured)
        if {"log_probs", "replace_hidden"} <= self.model.card.capabilities:
            metrics = recovered_losses(self.model, autoencoders, sequences, self.context)
            for layer, more in metrics.items():
                self.quality[layer] |= more
        for (layer, seed), autoencoder in autoencoders.items():
            metadata = Metadata(
                model_identity=self.model.identity(),
                dataset_fingerprint=self.dataset.fingerprint,
                quality=found[layer, seed].numbers(),
            )
            autoencoder.save(self.context.artifacts / f"sae-layer-{layer}-seed-{seed}", metadata)

    def _random_twins(self) -> None:
        """Every seed has a twin of its own, so that the interval covers initialisations of the model too."""
        context = self.context
        for number, seed in enumerate(self.settings.seeds):
            try:
                twin = random_twin(self.model, seed)
            except NotApplicable:
                return
            with context.phase("random twins"):
                name = f"sae-random-lm-{seed}"
                label = f"sae-random-lm {number + 1}/{len(self.settings.seeds)}"
                trained = self._maker(twin, name).trained([seed], label)["none"]
                entries = self._sae_entries(trained, "sae-random-lm", "floor")
                self._score(twin, entries, f"scoring {label}", f"{name} scores")
            twin.unload()

    def _maker(self, model: ModelAdapter, name: str) -> DictionaryMaker:
        config = self.settings.sae_config(model.card.width or 0)
        return DictionaryMaker(model, self.train_inputs, self.settings.layers, config, self.context, name)

    def _sae_entries(
        self, autoencoders: Dictionaries, name: str, role: Role, aggregations: Sequence[str] = HEADLINES
    ) -> list[StateScores]:
        return [
            self.scorer.prepare(SaeSource(autoencoder, name, role), layer, seed, aggregations)
            for (layer, seed), autoencoder in autoencoders.items()
        ]

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
        scored = {
            other: {
                name: score_source([entry.scored_by(other) for entry in own], items) for name, own in by_name.items()
            }
            for other in HEADLINES
        }
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
        shared = self.shared.get(layer)
        sources["dense-probe"] = score_dense_probe(self.means[layer], items)
        return LayerResult(
            layer=layer,
            sources=sources,
            equal=equal,
            budget=budget,
            aggregations=rows,
            entries=[entry.scored_by(aggregation) for entry in by_name["sae"]],
            quality=self.quality[layer],
            shared=shared,
            stable=None if shared is None else score_stable(sources["sae"], shared.stable, items),
        )


def _sample(maker: DictionaryMaker) -> dict[int, NDArray[np.float32]]:
    """Per layer some rows of the training activations for PCA and ICA, (rows, width) float32."""
    stream = maker.activations()
    rows = min(SAMPLE_ROWS, stream.nucleotides)
    batches = list(stream.batches(0, -(-rows // stream.batch_size)))
    return {layer: np.concatenate([batch[layer].numpy() for batch in batches])[:rows] for layer in stream.layers}
