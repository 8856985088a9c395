"""The embedded set ``rfam-profiles``: 48 simulated RNA families that look like Rfam families, and decoys of them.

Every family is a profile fitted to an Rfam seed alignment (``scripts/fit_rfam_profiles.py``): nucleotide
frequencies per column, joint frequencies of each pair of columns that the consensus structure pairs, and a tree of
presence over the columns, so that gaps come as runs. Whole sequences evolve down a random tree; 40 clades per family,
any two of them under 80 % identity, are kept.

All randomness lives in *noise*: a uniform 16-bit integer per column. A sequence is a fixed function of its noise
(:func:`read`), and it is the noise that evolves: on a branch each column is redrawn with some probability. Redrawing
from the stationary distribution is the substitution process of Felsenstein 1981 (doi:10.1007/BF01734359); two paired
columns share one clock, so that they are one site with 16 states and their substitutions compensate each other.

A *decoupled* twin reads the same kind of noise without the joint frequencies: each column keeps its frequencies, gaps
and tree, but the covariation of pairs is gone. Telling a family from its twin needs covariation.

Nothing but integers and their ratios enters, so that the records are the same on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from harness.datasets.records import Dataset, DatasetCard, Record, Split

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Integers = NDArray[np.int64]
    Aligned = NDArray[np.int8]

SCALE = 1 << 16  # frequencies are integers that sum to this
LETTERS = "ACGU-"
GAP = 4
CLADES = 40
CLADES_PER_SPLIT: dict[Split, int] = {"train": 20, "select": 10, "test": 10}
DECOUPLED = "-decoupled"

_PROFILES = Path(__file__).with_name("rfam_profiles.npz")
_SEED = 20
_ANCESTORS = 12
_MEMBERS = 3
_MINIMUM_LOOP = 3
# Chance that a branch redraws a column: ancestor to ancestor and to clade, then clade to member (the range of it).
_DEEP_BRANCH = SCALE * 3 // 4
_MEMBER_BRANCH = (SCALE // 50, SCALE // 8)
_WITHIN_CLADE = 0.84


@dataclass(frozen=True, eq=False)
class Profile:
    """The generative model of a family; C columns, P pairs of them. Frequencies are integers that sum to SCALE.

    Attributes:
        accession: Rfam accession.
        name: Rfam identifier, such as tRNA.
        frequencies: (C, 4) of A, C, G, U; those of paired columns are the marginals of ``joint``.
        pairs: (P, 2) columns, opening one first, of the consensus structure with its pseudoknots.
        joint: (P, 4, 4) frequencies of opening and closing nucleotide where both are present.
        before: (C,) the earlier column that says most about the presence of each; the first column looks at itself.
        present: (C, 2, 2) chance of a nucleotide, given whether ``before`` has one and whether the partner has one
            (asked of closing columns only; the others, and the first column twice, look at index 1).
        clades: (2, CLADES) numbers of the :func:`candidates` kept, ascending: of the family, and of its twin. No two
            sequences of different clades, twin and family taken together, reach 80 % identity (edit distance).
    """

    accession: str
    name: str
    frequencies: Integers
    pairs: Integers
    joint: Integers
    before: Integers
    present: Integers
    clades: Integers

    @property
    def columns(self) -> int:
        return len(self.frequencies)


class Noise:
    """Uniform 16-bit integers from the raw stream of PCG64, which numpy guarantees never to change."""

    def __init__(self, seed: list[int]) -> None:
        import numpy as np

        self._generator = np.random.PCG64(np.random.SeedSequence(seed))

    def draw(self, *shape: int) -> Integers:
        """Integers from 0 to SCALE - 1, int64."""
        import numpy as np

        size = int(np.prod(shape))
        raw: NDArray[np.uint64] = np.asarray(self._generator.random_raw((size + 3) // 4), dtype="<u8")
        return raw.view("<u2")[:size].reshape(shape).astype(np.int64)

    def below(self, limit: int | Integers, *shape: int) -> Integers:
        """Integers from 0 to ``limit`` - 1."""
        return self.draw(*shape) * limit // SCALE


@cache
def profiles() -> tuple[Profile, ...]:
    """The 48 fitted profiles, by accession."""
    import numpy as np

    with np.load(_PROFILES, allow_pickle=False) as stored:
        arrays = {key: stored[key] for key in stored.files}
    columns = np.cumsum(arrays["columns"])[:-1]
    pairs = np.cumsum(arrays["pair_counts"])[:-1]
    parts = zip(
        np.split(arrays["frequencies"].astype(np.int64), columns),
        np.split(arrays["before"].astype(np.int64), columns),
        np.split(arrays["present"].astype(np.int64), columns),
        np.split(arrays["pairs"].astype(np.int64), pairs),
        np.split(arrays["joint"].astype(np.int64), pairs),
        strict=True,
    )
    return tuple(
        Profile(str(accession), str(name), frequencies, paired, joint, before, present, clades)
        for accession, name, clades, (frequencies, before, present, paired, joint) in zip(
            arrays["accessions"], arrays["names"], arrays["clades"], parts, strict=True
        )
    )


def family_names() -> dict[str, str]:
    """Rfam accession -> readable name, as in RF00005 -> tRNA."""
    return {profile.accession: profile.name for profile in profiles()}


def read(profile: Profile, noise: Integers, coupled: bool = True) -> Aligned:
    """Aligned sequences from their noise.

    Args:
        profile: the family; C columns.
        noise: (n, 2, C), of the nucleotides and of the gaps.
        coupled: whether the closing nucleotide of a pair follows the joint frequencies, given the opening one.

    Returns:
        (n, C) indices into LETTERS.
    """
    import numpy as np

    steps = np.cumsum(profile.frequencies, axis=1)[:, :3]
    letters = (noise[:, 0, :, None] >= steps).sum(2)
    if coupled:
        opening, closing = profile.pairs.T
        given = np.cumsum(profile.joint, axis=2)
        conditional = given[:, :, :3] * SCALE // given[:, :, 3:]
        chosen = conditional[np.arange(len(opening)), letters[:, opening]]
        letters[:, closing] = (noise[:, 0, closing, None] >= chosen).sum(2)

    partner = np.full(profile.columns, -1)
    partner[profile.pairs[:, 1]] = profile.pairs[:, 0]
    present = np.ones((len(noise), profile.columns), dtype=np.int64)
    always = present[:, 0].copy()
    for column in range(profile.columns):
        before = present[:, profile.before[column]]
        other = present[:, partner[column]] if partner[column] >= 0 else always
        present[:, column] = noise[:, 1, column] < profile.present[column, before, other]
    return np.where(present == 1, letters, GAP).astype(np.int8)


def evolve(profile: Profile, source: Noise, ancestors: Integers, redraw: int | Integers) -> Integers:
    """Noise of the descendants of (n, 2, C) ``ancestors``, one each, at the end of their branches.

    ``redraw`` is the chance, out of SCALE, that a column is redrawn: one number, or (n, 1, 1).
    """
    import numpy as np

    clock = source.draw(*ancestors.shape)
    clock[:, 0, profile.pairs[:, 1]] = clock[:, 0, profile.pairs[:, 0]]
    return np.where(clock < redraw, source.draw(*ancestors.shape), ancestors)


def identities(aligned: Aligned) -> NDArray[np.float64]:
    """(n, n) identities of aligned sequences: 1 - columns that differ / length of the longer.

    Columns stand for edits, so that this never exceeds the identity by edit distance.
    """
    import numpy as np

    # Products of zeros and ones in float32 are exact, and BLAS makes them fast.
    hot = (aligned[:, :, None] == np.arange(4)).reshape(len(aligned), -1).astype(np.float32)
    present = (aligned != GAP).astype(np.float32)
    matches, both = hot @ hot.T, present @ present.T
    lengths = present.sum(1)
    differing = lengths[:, None] + lengths[None, :] - both - matches
    return 1 - differing.astype(np.float64) / np.maximum(lengths[:, None], lengths[None, :])


def candidates(profile: Profile, coupled: bool = True) -> Iterator[Aligned]:
    """An endless stream of clades, each (1 to 3, C) indices into LETTERS; :func:`members` trims them.

    Ancestors form a random recursive tree; founders of clades descend from random ancestors, members from founders.
    A family and its twin have the same ancestors, so that only the reading of the noise tells them apart.
    """
    import numpy as np

    seed = [_SEED, int(profile.accession.removeprefix("RF"))]
    source = Noise(seed)
    ancestors = source.draw(1, 2, profile.columns)
    for _ in range(_ANCESTORS - 1):
        parent = source.below(len(ancestors), 1)
        ancestors = np.concatenate([ancestors, evolve(profile, source, ancestors[parent], _DEEP_BRANCH)])

    source = Noise([*seed, int(coupled)])
    shortest, longest = _MEMBER_BRANCH
    while True:
        founders = evolve(profile, source, ancestors[source.below(_ANCESTORS, CLADES)], _DEEP_BRANCH)
        redraw = shortest + source.below(longest - shortest, CLADES * _MEMBERS, 1, 1)
        aligned = read(profile, evolve(profile, source, founders.repeat(_MEMBERS, axis=0), redraw), coupled)
        sizes = 1 + source.below(_MEMBERS, CLADES)
        for clade, size in zip(aligned.reshape(CLADES, _MEMBERS, -1), sizes, strict=True):
            yield clade[:size]


def members(candidate: Aligned) -> Aligned:
    """The first sequence of a candidate clade, and those that are close to all members so far but equal to none."""
    identity = identities(candidate)
    chosen = [0]
    for number in range(1, len(candidate)):
        if identity[number, chosen].min() >= _WITHIN_CLADE and identity[number, chosen].max() < 1:
            chosen.append(number)
    return candidate[chosen]


def sample_clades(profile: Profile, coupled: bool = True) -> list[Aligned]:
    """The CLADES clades of the family or of its twin, each (members, C) indices into LETTERS."""
    wanted = profile.clades[0 if coupled else 1].tolist()
    stream = list(islice(candidates(profile, coupled), wanted[-1] + 1))
    return [members(stream[number]) for number in wanted]


def sequence_of(row: Aligned) -> str:
    """One aligned sequence (C,) as letters, without its gaps."""
    return "".join(LETTERS[state] for state in row[row != GAP].tolist())


def _pairs(profile: Profile, row: Aligned) -> tuple[tuple[int, int], ...]:
    present = row != GAP
    position = present.cumsum() - 1
    opening, closing = profile.pairs.T
    i, j = position[opening], position[closing]
    formed = present[opening] & present[closing] & (j - i > _MINIMUM_LOOP)
    return tuple(sorted(zip(i[formed].tolist(), j[formed].tolist(), strict=True)))


def _records(profile: Profile, coupled: bool = True) -> Iterator[Record]:
    family = profile.accession if coupled else profile.accession + DECOUPLED
    splits = [split for split, number in CLADES_PER_SPLIT.items() for _ in range(number)]
    for clade, (aligned, split) in enumerate(zip(sample_clades(profile, coupled), splits, strict=True)):
        cluster = f"{family}/c{clade:02}"
        for member, row in enumerate(aligned):
            yield Record(
                id=f"{cluster}/{member + 1}",
                sequence=sequence_of(row),
                family=family,
                cluster=cluster,
                split=split,
                pairs=_pairs(profile, row) if coupled else None,
            )


def load() -> Dataset:
    """The dataset ``rfam-profiles``: 48 simulated families; ``family`` is the accession, ``cluster`` the clade."""
    summary = "simulated: 48 RNA families drawn from profiles fitted to Rfam seed alignments, 40 clades each"
    records = tuple(record for profile in profiles() for record in _records(profile))
    return Dataset(_card("rfam-profiles", summary), records, family_names=family_names())


def load_decoupled() -> Dataset:
    """The dataset ``rfam-profiles-decoupled``: the records of :func:`load` and, for each family, those of its twin.

    The twin of RF00005 is the family RF00005-decoupled. Its base pairs are unknown: nothing in it is made to pair.
    """
    summary = "simulated: the 48 families of rfam-profiles and a twin of each whose paired columns do not covary"
    both = (r for profile in profiles() for coupled in (True, False) for r in _records(profile, coupled))
    return Dataset(_card("rfam-profiles-decoupled", summary), tuple(both))


def _card(name: str, summary: str) -> DatasetCard:
    source = "Rfam 14 seed alignments, through scripts/fit_rfam_profiles.py"
    return DatasetCard(name=name, summary=summary, source=source, licence="CC0", simulated=True)
