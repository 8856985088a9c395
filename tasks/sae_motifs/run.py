"""One cell of sae-motifs from beginning to end: train, match, confirm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.adapter import ModelAdapter
from harness.datasets.alignments import model_inputs, read_alone
from harness.datasets.records import Record
from harness.statistics.bootstrap import cluster_weights
from harness.storage.kept import Arrays
from harness.task import CellContext, TaskOutcome
from tasks.common import subject, with_shuffled_letters
from tasks.sae.cell import PlacedSource, SaeCell
from tasks.sae.concepts.choice import select_features
from tasks.sae.concepts.membership import Integers
from tasks.sae.dictionaries import Dictionaries
from tasks.sae.sequence_scores import States
from tasks.sae.sources.autoencoder import SaeSource
from tasks.sae.sources.letters import KmerSource
from tasks.sae.split_quality import SplitMeter
from tasks.sae.stability import decoder_stability
from tasks.sae_motifs.choices import (
    ALL,
    EQUAL,
    MINIMUM_SUBSAMPLE,
    STABLE,
    Claim,
    Entry,
    choose_claims,
    find_matches,
    propose_claims,
    subsamples,
)
from tasks.sae_motifs.data import prepare
from tasks.sae_motifs.libraries import load_library
from tasks.sae_motifs.passes import Passes, Readable, ScoredSplit, SitePlaces
from tasks.sae_motifs.pictures import draw_motifs
from tasks.sae_motifs.report import CellFacts, LayerResult, report
from tasks.sae_motifs.scores import ClaimScore, auroc_at_sites, peak_auroc, score_claim, score_source
from tasks.sae_motifs.sites import Letters, Sites, peak_scores
from tasks.sae_motifs.tables import claim_table, feature_table, item_table, logo_table
from tasks.sae_motifs.windows import FEWEST_WINDOWS, coded, feature_motifs

if TYPE_CHECKING:
    from harness.datasets.records import Dataset
    from harness.statistics.bootstrap import Estimate
    from tasks.sae_motifs.settings import SaeMotifsSettings

SCORED: tuple[ScoredSplit, ScoredSplit] = ("select", "test")
PERMUTED_LIBRARIES = 5
MOST_FOR_MATRIX = 500
"""Select sequences on which the best matrix of the library is chosen, as a reference for the AUROC of peaks."""


class MotifRun:
    """Holds what the steps of a cell share. Library 0 is the real one, the others are permuted."""

    def __init__(
        self, model: ModelAdapter, dataset: Dataset, settings: SaeMotifsSettings, context: CellContext
    ) -> None:
        self.model = model
        self.dataset = dataset
        self.settings = settings
        self.context = context
        with context.phase("splits"):
            self.data = data = prepare(dataset, settings)
        with context.phase("motif library"):
            real = load_library(settings.motifs)
            self.libraries = (real, *(real.permuted(number) for number in range(PERMUTED_LIBRARIES)))
        select, test = ([with_shuffled_letters(record) for record in part] for part in (data.select, data.test))
        readable = [Readable.of(model_inputs(model.card, part)) for part in (data.select, select, data.test, test)]
        self.passes = Passes(context.progress, *readable)
        self.clusters = [_numbered(part) for part in (data.select, data.test)]
        self.units = len(set(self.clusters[1].tolist()))
        self.weights = cluster_weights([r.cluster or r.id for r in data.test], settings.draws)
        self.select_letters = coded(self.passes.select.sequences)
        background = self.passes.select_shuffled.sequences
        self.sites: dict[ScoredSplit, Sites] = {}
        for split, clusters in zip(SCORED, self.clusters, strict=True):
            letters, other = self.passes.of(split)
            self.sites[split] = Sites(background, letters.sequences, other.sequences, clusters)
        self.cell = SaeCell(model, model_inputs(model.card, data.train), settings, context)
        self.entries: list[Entry] = []

    def outcome(self) -> TaskOutcome:
        select, test = (sum(map(len, self.passes.of(split)[0].sequences)) for split in SCORED)
        self.cell.say_how_long(2 * (2 * select + test))  # with their shuffles; select once more at the sites
        own = self.cell.own_sources()
        sizes = (KmerSource.features, *(placed.source.features for placed in own))
        self.budget = min((size for size in sizes if size >= MINIMUM_SUBSAMPLE), default=MINIMUM_SUBSAMPLE)
        self._score(self.model, own, "sae", "scoring", self.cell.trained)
        with self.context.phase("k-mers"):
            self._score_kmers()
        for twin in self.cell.twins():
            self._score(twin.model, twin.sources, twin.name, f"scoring {twin.label}")
        with self.context.phase("statistics"):
            matrix = self._matrix_reference()
            self.scores = {id(entry): self._claim_scores(entry) for entry in self.entries}
            layers = [self._evaluate(layer, matrix) for layer in self.settings.layers]
            facts = CellFacts(
                data=self.data,
                longest=self.settings.longest,
                train_nucleotides=self.cell.train_nucleotides,
                card=self.model.card,
                standardisation=self.cell.standardisation,
                library=self.libraries[0],
                units=self.units,
            )
            outcome = report(facts, layers, self.dataset.subset((*self.data.select, *self.data.test)).fingerprint)
            outcome.notes += read_alone(self.model.card, self.data.used)
            self._add_tables(outcome)
        return outcome

    def _score(
        self,
        model: ModelAdapter,
        placed: Sequence[PlacedSource],
        name: str,
        label: str,
        measured: Dictionaries | None = None,
    ) -> None:
        """Choose on select, with four passes of the model, and read the values at the claimed places of test, with two.

        Args:
            name: what is kept in the work folder starts with it.
            measured: the autoencoders whose quality is found in the same pass over test.
        """
        layers, context = self.settings.layers, self.context
        entries = [Entry(own.source, own.layer, own.seed) for own in placed]
        with context.phase("scoring"):

            def read_select() -> Arrays:
                model.load(context.device)
                return self.passes.maxima(model, layers, entries, label)

            select = context.kept(f"{name} select", read_select)
        with context.phase("matching motifs"):
            stable = self._stable(entries, select)
            for number, entry in enumerate(entries):
                self._match(entry, number, select, stable.get(number))
        meter = SplitMeter(measured or {}, len(self.data.test))

        def values(split: ScoredSplit, observe: Callable[[int, States], None]) -> Arrays:
            model.load(context.device)
            places = [self._places(entry, split) for entry in entries]
            return self.passes.values(model, layers, entries, places, label, split, observe)

        with context.phase("scoring"):
            kept = context.kept(f"{name} sites of select", lambda: values("select", lambda index, states: None))
            for number, entry in enumerate(entries):
                self._choose(entry, kept[f"values {number}"])
            kept = context.kept(f"{name} test", lambda: {**values("test", meter.add), **meter.arrays()})
            for number, entry in enumerate(entries):
                entry.values, entry.peaks = kept[f"values {number}"], kept[f"peaks {number}"]
            self.entries += entries
        if measured is not None:
            with context.phase("quality"):
                sequences = [record.sequence for record in self.data.test]
                self.cell.measure(kept, sequences, self.weights, self.dataset.fingerprint)

    def _score_kmers(self) -> None:
        source = KmerSource()
        source.role = "reference"  # no floor here: a k-mer that is indicated is a motif by itself
        entry = Entry(source, None, None)
        self._match(entry, 0, self.passes.letter_maxima(source), None)
        self._choose(entry, self.passes.letter_values(entry, self._places(entry, "select"), "select")["values 0"])
        test = self.passes.letter_values(entry, self._places(entry, "test"), "test")
        entry.values, entry.peaks = test["values 0"], test["peaks 0"]
        self.entries.append(entry)

    def _match(self, entry: Entry, number: int, select: Arrays, stable: Integers | None) -> None:
        """The motifs of all features, what they match, and the feature that tells sequences from their shuffles."""
        maxima, shuffled = select[f"maxima {number}"], select[f"shuffled {number}"]
        entry.live = (maxima > 0).sum(axis=0) >= FEWEST_WINDOWS
        entry.motifs = feature_motifs(maxima, select[f"places {number}"], *self.select_letters, self.clusters[0])
        find_matches(entry, self.libraries)
        equal = subsamples(entry.source.features, self.budget, number)
        kinds: dict[str, Sequence[Integers | None]] = {ALL: [None], EQUAL: equal}
        if stable is not None:
            kinds[STABLE] = [stable]
        propose_claims(entry, self.libraries, kinds)
        entry.peak = select_features(np.vstack([maxima, shuffled]), _real_and_shuffled(len(maxima)), 0.5)

    def _choose(self, entry: Entry, values: NDArray[np.float32]) -> None:
        """Of the proposed claims the ones that hold best at the sites of select, where ``values`` were read."""
        aurocs = {claim: auroc_at_sites(own)[1] for claim, own in zip(entry.claims, values, strict=True)}
        choose_claims(entry, self.libraries, aurocs)

    def _stable(self, entries: Sequence[Entry], select: Arrays) -> dict[int, Integers]:
        """Features that all seeds of a layer share, by number of the entry, where every seed has one."""
        found: dict[int, Integers] = {}
        for layer in self.settings.layers:
            own = [n for n, entry in enumerate(entries) if entry.layer == layer and entry.name == "sae"]
            sources = [entries[n].source for n in own]
            autoencoders = [source.autoencoder for source in sources if isinstance(source, SaeSource)]
            if len(autoencoders) < 2:
                continue
            live = np.stack([(select[f"maxima {n}"] > 0).any(axis=0) for n in own])
            stable = decoder_stability(autoencoders, live=live).stable
            if stable.any(axis=1).all():
                found |= {n: np.flatnonzero(mine) for n, mine in zip(own, stable, strict=True)}
        return found

    def _places(self, entry: Entry, split: ScoredSplit) -> SitePlaces:
        claims = entry.claims
        lengths = np.array([len(sequence) for sequence in self.passes.of(split)[0].sequences])
        centres = np.full((len(claims), len(lengths)), -1)
        for number, claim in enumerate(claims):
            matrix = self.libraries[claim.library].motifs[claim.motif]
            starts = self.sites[split].starts(claim.library, claim.motif, claim.strand, matrix)
            places = starts + claim.delta
            inside = (starts >= 0) & (places >= 0) & (places < lengths)
            centres[number, inside] = places[inside]
        return SitePlaces(np.array([claim.feature for claim in claims], dtype=np.int64), centres)

    def _claim_scores(self, entry: Entry) -> dict[Claim, ClaimScore]:
        return {
            claim: score_claim(values, self.weights) for claim, values in zip(entry.claims, entry.values, strict=True)
        }

    def _matrix_reference(self) -> Estimate:
        """AUROC of peaks of the matrix of the library that is best on select."""
        library, passes = self.libraries[0], self.passes
        few = slice(MOST_FOR_MATRIX)
        both = [
            peak_scores(library.motifs, Letters.of(part.sequences[few]), library.both_strands)
            for part in (passes.select, passes.select_shuffled)
        ]
        choice = select_features(np.vstack(both), _real_and_shuffled(len(both[0])), 0.5)
        number = int(choice.feature[0])
        self.matrix = library.motifs[number]
        scored = [
            peak_scores((self.matrix,), Letters.of(part.sequences), library.both_strands)[:, 0] * choice.sign[0]
            for part in (passes.test, passes.test_shuffled)
        ]
        return peak_auroc([np.column_stack(scored).astype(np.float32)], self.weights, self.units)

    def _evaluate(self, layer: int, matrix: Estimate) -> LayerResult:
        """All sources at one layer, from values that are already there."""
        by_name: dict[str, list[Entry]] = {}
        for entry in self.entries:
            if entry.layer in (layer, None):
                by_name.setdefault(entry.name, []).append(entry)
        scored = {
            kind: {
                name: score_source(own, kind, [self.scores[id(e)] for e in own], self.weights, self.units)
                for name, own in by_name.items()
                if all(kind in entry.rounds for entry in own)
            }
            for kind in (ALL, EQUAL, STABLE)
        }
        peaks = {name: peak_auroc([e.peaks for e in own], self.weights, self.units) for name, own in by_name.items()}
        return LayerResult(
            layer=layer,
            scored=scored,
            budget=self.budget,
            entries=by_name["sae"],
            scores=[self.scores[id(entry)] for entry in by_name["sae"]],
            peaks={**peaks, "motif-matrix": matrix},
            matrix=self.matrix,
            quality=self.cell.quality[layer],
            shared=self.cell.shared.get(layer),
        )

    def _add_tables(self, outcome: TaskOutcome) -> None:
        outcome.items = item_table(self.entries, self.data.test)
        claims = claim_table(self.entries, self.scores, self.libraries)
        outcome.tables["motifs"] = claims
        outcome.tables["feature_motifs"] = feature_table(self.entries, self.libraries[0])
        outcome.tables["logos"] = logos = logo_table(self.entries, claims)
        says = subject(self.model.card, self.dataset.card, outcome.basis.layer)
        layer = outcome.basis.layer
        draw_motifs(
            self.context.artifacts / "motifs.svg", logos[logos["layer"] == layer], claims, self.libraries[0], says
        )


def _real_and_shuffled(count: int) -> np.ndarray:
    return np.repeat([[True], [False]], count, axis=0)


def _numbered(records: Sequence[Record]) -> Integers:
    return np.unique([record.cluster or record.id for record in records], return_inverse=True)[1]
