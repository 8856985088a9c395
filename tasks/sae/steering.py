"""Does a feature cause anything? Masked predictions where its direction is added and taken away, against controls.

A feature marks the nucleotides on which it is active. In each of some sequences one of them is masked, and the states
of the run of marked nucleotides around it are moved by the feature's decoder direction, times its mean activation
where it is active: once up, once down. What that causes is the Kullback-Leibler divergence of the masked prediction
from the one without it, in nats, averaged over both. It is compared with the same move elsewhere, around a nucleotide
of the same letter in the same sequence that the feature does not mark, and with a random direction of equal norm at
the marked place. Random directions are drawn in the space of training, where the decoder's rows come from, so that
they point where states vary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import scipy.sparse
import torch
from numpy.typing import NDArray

from harness.activations.reader import known_positions
from harness.adapter import ModelAdapter, Replacement
from harness.statistics.bootstrap import Estimate, Floats, cluster_bootstrap_mean
from harness.statistics.gains import Gain, smallest_gain
from harness.storage.kept import Arrays
from harness.task import CellContext, TaskOutcome
from tasks.common import FEWEST_UNITS, table_row
from tasks.sae.autoencoder.model import SparseAutoencoder
from tasks.sae.cell import SaeCell
from tasks.sae.split_quality import compared

MOST_SEQUENCES = 40
"""In which one feature is moved."""
FEATURE, ELSEWHERE, RANDOM = "the feature", "the feature elsewhere", "a random direction"
MOST_FEATURES = 8
NEEDED = frozenset({"log_probs", "replace_hidden"})


@dataclass(frozen=True)
class Move:
    """One sequence in which a feature is moved: which nucleotide is masked, and which states change with it.

    ``marked`` and ``elsewhere`` are the masked nucleotides, ``run`` the moved ones as distances from them.
    """

    sequence: int
    marked: int
    elsewhere: int
    run: tuple[int, ...]


@dataclass(frozen=True)
class Steered:
    """What moving one feature does, in nats: per condition its mean over sequences, with draws over clusters."""

    effects: Mapping[str, Estimate]

    @cached_property
    def gain(self) -> Gain:
        """Over both controls; positive where the feature does more than either."""
        return smallest_gain(self.effects[FEATURE], {name: self.effects[name] for name in (ELSEWHERE, RANDOM)})


def find_moves(
    activations: Sequence[Floats], sequences: Sequence[str], seed: int = 0, longest: int | None = None
) -> list[Move]:
    """One place in each of at most 40 sequences that the feature marks, and its partner that it does not mark.

    Args:
        activations: of one feature, per sequence (nucleotides that are not N,).
        sequences: in the same order.
        seed: of the choice of sequences and places.
        longest: sequences over it are left out; None leaves out none.

    A sequence without an unmarked stretch of the same length around the same letter is left out.
    """
    generator = np.random.default_rng(seed)
    found: list[Move] = []
    for index in generator.permutation(len(sequences)):
        if longest is not None and len(sequences[index]) > longest:
            continue
        active = np.zeros(len(sequences[index]), dtype=bool)
        known = known_positions(sequences[index])
        active[known] = activations[index] > 0
        if active.any() and (move := _move(int(index), sequences[index], active, set(known.tolist()), generator)):
            found.append(move)
        if len(found) == MOST_SEQUENCES:
            break
    return found


def _move(
    index: int, sequence: str, active: NDArray[np.bool_], known: set[int], generator: np.random.Generator
) -> Move | None:
    marked = int(generator.choice(np.flatnonzero(active)))
    first, last = marked, marked
    while first and active[first - 1]:
        first -= 1
    while last + 1 < len(active) and active[last + 1]:
        last += 1
    run = tuple(range(first - marked, last - marked + 1))
    partners = [
        place
        for place, letter in enumerate(sequence)
        if letter == sequence[marked] and all(place + step in known and not active[place + step] for step in run)
    ]
    return Move(index, marked, int(generator.choice(partners)), run) if partners else None


def effects(
    model: ModelAdapter,
    autoencoder: SparseAutoencoder,
    feature: int,
    scale: float,
    sequences: Sequence[str],
    moves: Sequence[Move],
    seed: int = 0,
) -> Floats:
    """(moves, 3): nats by which the masked prediction changes, for the feature, elsewhere, and a random direction.

    Args:
        scale: activation by which the feature is moved up and down.
        moves: one each of some of the ``sequences``.
        seed: of the random directions, a new one for every move.

    Raises:
        NotApplicable: the model has no masked log-probabilities or takes no replacement.
    """
    texts = [sequences[move.sequence] for move in moves]
    with torch.no_grad():
        rows = autoencoder.decoder[feature].expand(len(moves), -1)
        generator = torch.Generator().manual_seed(seed)
        random = torch.randn(rows.shape, generator=generator).to(rows.device)
        own, other = (autoencoder.to_raw(part).cpu().numpy() for part in (rows, random))
    own *= np.float32(scale)
    other *= np.linalg.norm(own, axis=1, keepdims=True) / np.linalg.norm(other, axis=1, keepdims=True)

    def predicted(places: Sequence[int], change: NDArray[np.float32] | None) -> NDArray[np.float64]:
        def moved(index: int, hidden: NDArray[np.float32]) -> NDArray[np.float32]:
            steered = hidden.copy()
            if change is not None:
                steered[np.asarray(moves[index].run) + places[index]] += change[index]
            return steered

        replacement = Replacement(autoencoder.layer, moved) if change is not None else None
        found = np.empty((len(moves), 4))
        for index, values in model.log_probs(texts, [[place] for place in places], replacement):
            found[index] = values[0]
        return found

    marked, elsewhere = [move.marked for move in moves], [move.elsewhere for move in moves]
    conditions = ((marked, own), (elsewhere, own), (marked, other))
    untouched = {id(places): predicted(places, None) for places in (marked, elsewhere)}
    columns = [
        np.mean([_divergence(untouched[id(places)], predicted(places, move)) for move in (by, -by)], axis=0)
        for places, by in conditions
    ]
    return np.stack(columns, axis=1)


def _divergence(before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,): Kullback-Leibler divergence of (n, 4) log-probabilities, in nats."""
    return np.asarray((np.exp(before) * (before - after)).sum(axis=1))


def steer(
    model: ModelAdapter,
    autoencoder: SparseAutoencoder,
    codes: scipy.sparse.csr_array,
    sequences: Sequence[str],
    clusters: Sequence[str],
    features: Sequence[int],
    context: CellContext,
) -> dict[int, Steered]:
    """What moving each of some features of one autoencoder does; without those that mark too few sequences.

    Args:
        codes: (nucleotides of all sequences that are not N, features).
        sequences: held out, with the ``clusters`` that draws are over.
    """
    ends = np.cumsum([len(known_positions(sequence)) for sequence in sequences])[:-1]
    columns = codes.tocsc()
    moves: dict[int, list[Move]] = {}
    scales: dict[int, float] = {}
    for feature in features:
        own = columns[:, [feature]].toarray()[:, 0]
        found = find_moves(np.split(own, ends), sequences, longest=model.card.max_length)
        if len({clusters[move.sequence] for move in found}) >= FEWEST_UNITS:
            moves[feature], scales[feature] = found, float(own[own > 0].mean())

    def compute() -> Arrays:
        model.load(context.device)
        return {
            str(feature): effects(model, autoencoder, feature, scales[feature], sequences, own)
            for feature, own in context.progress.over("steering", list(moves.items()))
        }

    kept = context.kept("steering", compute)
    names = (FEATURE, ELSEWHERE, RANDOM)
    return {
        feature: Steered(
            {
                name: cluster_bootstrap_mean(kept[str(feature)][:, number], [clusters[move.sequence] for move in own])
                for number, name in enumerate(names)
            }
        )
        for feature, own in moves.items()
    }


def add_steering(
    outcome: TaskOutcome, cell: SaeCell, sequences: Sequence[str], clusters: Sequence[str], context: CellContext
) -> None:
    """Steer the features that were chosen for concepts, the best on select first, and add what that does.

    Of the chosen layer and the first seed; features that mark the absence of a concept are left out.

    Args:
        outcome: has the table "families" already; gets the table "steering", a row per concept in the record's table,
            and a note.
        sequences: those of test, with the ``clusters`` that draws are over.
    """
    layer, seed = outcome.basis.layer, cell.settings.seeds[0]
    assert layer is not None
    if missing := sorted(NEEDED - cell.model.card.capabilities):
        outcome.notes.append(f"no feature was steered: {cell.model.card.name} lacks {' and '.join(missing)}")
        return
    chosen = outcome.tables["families"].query("source == 'sae' and layer == @layer and seed == @seed and sign > 0")
    best = chosen.sort_values("select_auroc", ascending=False, kind="stable").head(MOST_FEATURES)
    concepts = dict(zip(best["family"], best["feature"].astype(int), strict=True))
    shown = compared(len(sequences))
    found = steer(
        cell.model,
        cell.trained[layer, seed],
        cell.codes[layer, seed],
        [sequences[index] for index in shown],
        [clusters[index] for index in shown],
        sorted(set(concepts.values())),
        context,
    )
    steered = {concept: (feature, found[feature]) for concept, feature in concepts.items() if feature in found}
    rows = []
    for concept, (feature, own) in steered.items():
        gain = own.gain
        outcome.table.append(table_row("steering", gain.smallest, "sae", layer, concept))
        effects = {name: estimate.value for name, estimate in own.effects.items()}
        place = {"layer": layer, "seed": seed, "family": concept, "feature": feature, "sequences": gain.smallest.n}
        rows.append(
            place | effects | {"gain": gain.smallest.value, "low": gain.smallest.low, "high": gain.smallest.high}
        )
    outcome.tables["steering"] = pd.DataFrame(rows)
    causal = sum(own.gain.smallest.low > 0 for _, own in steered.values())
    outcome.notes.append(
        f"steering: {causal} of {len(steered)} chosen features change masked predictions more than the same move "
        "elsewhere and than a random direction, beyond the interval"
    )
