"""What families are compared by: features of autoencoders, of those of a random twin, k-mers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.adapter import ModelAdapter
from harness.datasets.alignments import model_inputs
from harness.datasets.records import Dataset, Record
from harness.datasets.selection import some_by_hash
from harness.errors import InputError
from harness.progress import Progress
from harness.sequences.kmers import kmer_counts, kmer_name
from harness.task import CellContext
from tasks.sae.aggregate import MEAN
from tasks.sae.autoencoder.model import Metadata, SparseAutoencoder
from tasks.sae.dictionaries import DictionaryMaker
from tasks.sae.sequence_scores import Scorer
from tasks.sae.sources.autoencoder import SaeSource
from tasks.sae.stability import decoder_stability
from tasks.sae_families.compare.data import ComparedFamilies

TWIN_SEQUENCES = 10_000
KMERS = (1, 2, 3, 4, 5, 6)
Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class Compared:
    """The candidates of one seed of a source: mean scores (sequences, candidates) of the sequences, and of the same
    sequences with their dinucleotides shuffled; ``told`` says which candidates these are."""

    name: str
    seed: int | None
    scores: Matrix
    shuffled: Matrix
    feature_name: Callable[[int], str]
    told: str

    @property
    def candidates(self) -> int:
        return int(self.scores.shape[1])


def kmer_sources(data: ComparedFamilies, shuffled: Sequence[str]) -> list[Compared]:
    """Shares of the k-mers of a sequence, one source for each k."""
    sequences = [record.sequence for record in data.records]

    def of_length(k: int) -> Compared:
        matrices = []
        for texts in (sequences, shuffled):
            counts = kmer_counts(texts, k)
            matrices.append(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))
        told = f"all {4**k:,} {k}-mers"
        return Compared(f"{k}-mers", None, matrices[0], matrices[1], lambda number: kmer_name(number, k), told)

    return [of_length(k) for k in KMERS]


def autoencoder_sources(
    name: str,
    model: ModelAdapter,
    autoencoders: Sequence[SparseAutoencoder],
    data: ComparedFamilies,
    shuffled: Sequence[str],
    progress: Progress,
) -> list[Compared]:
    """The features of every autoencoder that all other seeds have too, or all features where there is one seed."""
    scores = _scored(name, model, autoencoders, data.records, data.window, progress)
    # an alignment cannot be shuffled with its query: shuffled sequences are read alone
    texts = [
        replace(record, sequence=text, alignment=None, pairs=None, given_loop_types=None)
        for record, text in zip(data.records, shuffled, strict=True)
    ]
    null = _scored(f"{name}, shuffled", model, autoencoders, texts, data.window, progress)
    stable = decoder_stability(autoencoders).stable if len(autoencoders) > 1 else None
    found = []
    for number, (autoencoder, own, other) in enumerate(zip(autoencoders, scores, null, strict=True)):
        live = own.any(axis=0)
        kept = live if stable is None or not (stable[number] & live).any() else stable[number] & live
        chosen = np.flatnonzero(kept)
        what = f"live features of one seed of {own.shape[1]:,}"
        if stable is not None:
            shared = (stable[number] & live).any()
            what = f"{'stable' if shared else 'live (none is stable)'} features of {own.shape[1]:,}"
        names = [f"{name} {feature}" for feature in chosen.tolist()]
        told = f"{len(chosen):,} {what}"
        found.append(Compared(name, autoencoder.seed, own[:, chosen], other[:, chosen], names.__getitem__, told))
    return found


def load_autoencoders(folders: Sequence[Path], model: ModelAdapter) -> list[SparseAutoencoder]:
    """Autoencoders of several seeds of one layer of the model.

    Raises:
        InputError: a folder holds none, or they are of different layers or sizes, or of one seed twice.
    """
    found = [SparseAutoencoder.load(folder, model.identity()) for folder in folders]
    if len({(own.layer, own.config.features, own.width) for own in found}) > 1:
        raise InputError("the autoencoders given by --sae differ in layer or size: give several seeds of one layer")
    if len({own.seed for own in found}) < len(found):
        raise InputError("two of the autoencoders given by --sae have the same seed: give each seed once")
    return found


def twin_autoencoders(
    twin: ModelAdapter,
    own: Sequence[SparseAutoencoder],
    data: ComparedFamilies,
    dataset: Dataset,
    folder: Path,
    context: CellContext,
) -> list[SparseAutoencoder]:
    """Autoencoders of a random twin with the configuration, layer and seeds of ``own``; kept in ``folder``.

    They are trained on sequences of the dataset, the compared ones among them, at most TWIN_SEQUENCES by hash. Training
    reads no labels, and what it sees of held-out sequences can only help: a floor should not be too low.
    """
    first = own[0]
    folders = [folder / f"sae-layer-{first.layer}-seed-{autoencoder.seed}" for autoencoder in own]
    metadata = Metadata(model_identity=twin.identity(), dataset_fingerprint=dataset.fingerprint)
    if all((place / "config.json").is_file() for place in folders):
        kept = [SparseAutoencoder.load(place, twin.identity(), first.layer) for place in folders]
        if all(autoencoder.metadata == metadata and autoencoder.config == first.config for autoencoder in kept):
            return kept
    read = some_by_hash((*data.others, *data.records), TWIN_SEQUENCES)
    inputs = model_inputs(twin.card, read, family_asked=True)
    maker = DictionaryMaker(twin, inputs, [first.layer], first.config, context, "twin")
    trained = maker.trained([autoencoder.seed for autoencoder in own], "autoencoders of the random twin")["none"]
    found = [trained[first.layer, autoencoder.seed] for autoencoder in own]
    for autoencoder, place in zip(found, folders, strict=True):
        autoencoder.save(place, metadata)
    return found


def _scored(
    name: str,
    model: ModelAdapter,
    autoencoders: Sequence[SparseAutoencoder],
    records: Sequence[Record],
    window: int,
    progress: Progress,
) -> list[Matrix]:
    """Mean activations (sequences, features) of every autoencoder, from one pass of the model."""
    inputs = model_inputs(model.card, records, family_asked=True)
    scorer = Scorer([record.id for record in records], inputs, window)
    layer = autoencoders[0].layer
    entries = [scorer.prepare(SaeSource(own, name), layer, own.seed, (MEAN,)) for own in autoencoders]
    with progress.track(name, len(records)) as advance:
        scorer.score_model_sources(model, [layer], entries, advance)
    rows = np.arange(len(records))
    return [entry.matrix(rows) for entry in entries]
