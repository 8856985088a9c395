"""The embedded simulated set: its generative model, its clades, its twins."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections import Counter, defaultdict
from itertools import combinations
from pathlib import Path

import edlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from harness.datasets import rfam_profiles
from harness.datasets.loop_types import CANONICAL
from harness.datasets.records import Dataset, Record
from harness.datasets.rfam_profiles import GAP, LETTERS, SCALE, Noise, evolve, identities, load, profiles, read

ROOT = Path(__file__).parents[3]
PROFILES = {profile.accession: profile for profile in profiles()}
SAMPLE = 20_000
EXAMPLES = ["RF00005", "RF00140", "RF00169"]  # tRNA; a pseudoknot; a family with long gaps


@pytest.fixture(scope="module")
def decoupled() -> Dataset:
    return rfam_profiles.load_decoupled()


def family_of(record: Record) -> str:
    assert record.family is not None
    return record.family


def sample(accession: str, coupled: bool = True) -> np.ndarray:
    profile = PROFILES[accession]
    return read(profile, Noise([7, int(coupled)]).draw(SAMPLE, 2, profile.columns), coupled)


def joint_of(aligned: np.ndarray, pair: np.ndarray) -> np.ndarray:
    left, right = aligned[:, pair[0]], aligned[:, pair[1]]
    both = (left != GAP) & (right != GAP)
    counts = np.zeros((4, 4))
    np.add.at(counts, (left[both], right[both]), 1)
    return counts / counts.sum()


def information(joint: np.ndarray) -> float:
    """Mutual information in bits, term by term."""
    total = 0.0
    for i, j in np.ndindex(4, 4):
        if joint[i, j]:
            total += joint[i, j] * np.log2(joint[i, j] / (joint[i].sum() * joint[:, j].sum()))
    return total


def test_the_records_are_these_on_every_machine(decoupled: Dataset) -> None:
    assert load().fingerprint == "a6cd88bdda63cb20"
    assert decoupled.fingerprint == "5edfb7ab28460312"


def test_noise_is_the_raw_stream_of_pcg64() -> None:
    word = int(np.random.PCG64(np.random.SeedSequence([7])).random_raw())
    assert Noise([7]).draw(3).tolist() == [word & 0xFFFF, word >> 16 & 0xFFFF, word >> 32 & 0xFFFF]


@pytest.mark.parametrize("coupled", [True, False])
@pytest.mark.parametrize("accession", EXAMPLES)
def test_reading_agrees_with_one_nucleotide_at_a_time(accession: str, coupled: bool) -> None:
    profile = PROFILES[accession]
    noise = Noise([3]).draw(12, 2, profile.columns)
    opener = {int(j): (int(i), number) for number, (i, j) in enumerate(profile.pairs)}
    for row, aligned in zip(noise, read(profile, noise, coupled), strict=True):
        letters: list[int] = []
        present: list[bool] = []
        for column in range(profile.columns):
            weights, total = [int(w) for w in profile.frequencies[column]], SCALE
            before = present[profile.before[column]] if column else True
            partner = True
            if column in opener:
                i, number = opener[column]
                partner = present[i]
                if coupled:
                    weights = [int(w) for w in profile.joint[number, letters[i]]]
                    total = sum(weights)
            bounds = [sum(weights[: k + 1]) * SCALE // total for k in range(3)]
            letters.append(sum(int(row[0, column]) >= bound for bound in bounds))
            present.append(bool(row[1, column] < profile.present[column, int(before), int(partner)]))
        assert aligned.tolist() == [letter if there else GAP for letter, there in zip(letters, present, strict=True)]


@pytest.mark.parametrize("coupled", [True, False])
@pytest.mark.parametrize("accession", EXAMPLES)
def test_columns_approach_their_frequencies(accession: str, coupled: bool) -> None:
    profile, aligned = PROFILES[accession], sample(accession, coupled)
    for column, wanted in enumerate(profile.frequencies / SCALE):
        letters = aligned[aligned[:, column] != GAP, column]
        if len(letters) > 500:
            error = np.bincount(letters, minlength=4) / len(letters) - wanted
            assert np.all(abs(error) < 5 * np.sqrt(wanted * (1 - wanted) / len(letters)) + 1e-4)


@pytest.mark.parametrize("accession", EXAMPLES)
def test_pairs_approach_their_joint_frequencies(accession: str) -> None:
    profile, aligned = PROFILES[accession], sample(accession)
    for pair, joint in zip(profile.pairs, profile.joint / SCALE, strict=True):
        assert abs(joint_of(aligned, pair) - joint).max() < 0.03
        assert joint.sum() == pytest.approx(1)


@pytest.mark.parametrize("accession", EXAMPLES)
def test_a_twin_keeps_no_mutual_information(accession: str) -> None:
    profile = PROFILES[accession]
    family, twin = sample(accession), sample(accession, coupled=False)
    kept = [information(joint_of(family, pair)) for pair in profile.pairs]
    lost = [information(joint_of(twin, pair)) for pair in profile.pairs]
    assert np.mean(kept) > 0.2
    assert max(lost) < 0.01


def test_frequencies_of_paired_columns_are_the_marginals_of_the_pair() -> None:
    for profile in profiles():
        opening, closing = profile.pairs.T
        assert np.array_equal(profile.frequencies[opening], profile.joint.sum(2))
        assert np.array_equal(profile.frequencies[closing], profile.joint.sum(1))
        assert np.all(profile.frequencies.sum(1) == SCALE)
        assert np.all(profile.before[1:] < np.arange(1, profile.columns))


def test_gaps_come_as_runs() -> None:
    gaps = sample("RF00169") == GAP
    together = (gaps[:, 1:] & gaps[:, :-1]).mean(0)
    assert (together - gaps[:, 1:].mean(0) * gaps[:, :-1].mean(0)).mean() > 0.02


def test_evolution_redraws_the_share_of_columns_it_is_told_and_pairs_as_one_site() -> None:
    profile = PROFILES["RF00005"]
    noise = Noise([1]).draw(2000, 2, profile.columns)
    assert np.array_equal(evolve(profile, Noise([2]), noise, 0), noise)
    later = evolve(profile, Noise([2]), noise, SCALE // 4)
    assert (later != noise).mean() == pytest.approx(0.25, abs=0.005)
    opening, closing = profile.pairs.T
    changed = later[:, 0] != noise[:, 0]
    assert (changed[:, opening] != changed[:, closing]).mean() < 1e-3  # equal by chance once in 65,536


def test_evolution_is_stationary() -> None:
    profile = PROFILES["RF00522"]
    source = Noise([4])
    noise = source.draw(1, 2, profile.columns).repeat(SAMPLE, axis=0)
    for _ in range(12):
        noise = evolve(profile, source, noise, SCALE * 3 // 4)
    aligned = read(profile, noise)
    for pair, joint in zip(profile.pairs, profile.joint / SCALE, strict=True):
        assert abs(joint_of(aligned, pair) - joint).max() < 0.03


def test_families_and_splits(decoupled: Dataset) -> None:
    listed = (Path(rfam_profiles.__file__).with_name("rfam_profiles_families.txt")).read_text().split()
    assert load().families == listed == sorted(rfam_profiles.family_names())
    assert rfam_profiles.family_names()["RF00005"] == "tRNA"
    assert decoupled.families == sorted(listed + [f"{family}-decoupled" for family in listed])
    splits = defaultdict(set)
    for record in decoupled.records:
        splits[record.family, record.cluster].add(record.split)
        assert set(record.sequence) <= set("ACGU")
    assert all(len(split) == 1 for split in splits.values())
    per_family = Counter((family, *split) for (family, _), split in splits.items())
    wanted = {"train": 20, "select": 10, "test": 10}
    assert per_family == {(family, split): n for family in decoupled.families for split, n in wanted.items()}
    sizes = Counter(Counter(record.cluster for record in decoupled.records).values())
    assert set(sizes) == {1, 2, 3}
    assert len({record.sequence for record in decoupled.records}) == len(decoupled.records)


def test_the_decoupled_set_holds_the_plain_one(decoupled: Dataset) -> None:
    assert set(load().records) <= set(decoupled.records)
    assert load().card.simulated and "simulated" in load().card.summary
    assert decoupled.card.simulated and "simulated" in decoupled.card.summary


def test_clades_are_clusters_at_80_percent(decoupled: Dataset) -> None:
    families = defaultdict(list)
    for record in decoupled.records:
        families[family_of(record).removesuffix("-decoupled")].append(record)
    for records in families.values():
        for a, b in combinations(records, 2):
            longer = max(len(a.sequence), len(b.sequence))
            distance = edlib.align(a.sequence, b.sequence, mode="NW", task="distance")["editDistance"]
            assert (1 - distance / longer >= 0.8) == (a.cluster == b.cluster), (a.id, b.id)


def test_pairs_are_the_consensus_pairs_whose_partners_are_there() -> None:
    by_family = defaultdict(list)
    for record in load().records:
        by_family[family_of(record)].append(record)
    for accession, records in by_family.items():
        rows = np.concatenate(rfam_profiles.sample_clades(PROFILES[accession]))
        for row, record in zip(rows, records, strict=True):
            columns = [column for column, state in enumerate(row) if state != GAP]
            assert record.sequence == "".join(LETTERS[row[column]] for column in columns)
            consensus = {(int(i), int(j)) for i, j in PROFILES[accession].pairs}
            found = {(columns[i], columns[j]) for i, j in record.pairs or ()}
            assert found <= consensus
            assert all(j - i > 3 for i, j in record.pairs or ())
            for i, j in consensus - found:
                assert GAP in (row[i], row[j]) or columns.index(j) - columns.index(i) <= 3
    pairs = [record.sequence[i] + record.sequence[j] for record in load().records for i, j in record.pairs or ()]
    assert 0.88 < np.mean([pair in CANONICAL for pair in pairs]) < 0.96


def test_twins_have_unknown_pairs(decoupled: Dataset) -> None:
    for record in decoupled.records:
        assert (record.pairs is None) == family_of(record).endswith("-decoupled")


@given(arrays(np.int8, (2, 30), elements=st.integers(0, 4)))
def test_aligned_identity_is_a_lower_bound_of_edit_identity(aligned: np.ndarray) -> None:
    first, second = (rfam_profiles.sequence_of(row) for row in aligned)
    if first and second:
        distance = edlib.align(first, second, mode="NW", task="distance")["editDistance"]
        assert identities(aligned)[0, 1] <= 1 - distance / max(len(first), len(second)) + 1e-6


def test_aligned_identity_by_hand() -> None:
    aligned = np.array([[0, 1, 2, 3, 4], [0, 1, 3, 4, 4]])  # ACGU-, ACU--: two columns differ, longer has 4
    assert identities(aligned)[0, 1] == pytest.approx(0.5)


def test_loading_needs_no_heavy_library() -> None:
    code = (
        "import sys; from harness.datasets.rfam_profiles import load; load(); "
        "print([m for m in ('torch', 'multimolecule', 'Bio', 'pandas', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_stored_profiles_are_those_of_the_alignments() -> None:
    data = os.environ.get("HARNESS_DATA")
    if not data or not (Path(data) / "families" / "rfam_seed_alignments.stk.gz").exists():
        pytest.skip("HARNESS_DATA has no families/rfam_seed_alignments.stk.gz")
    specification = importlib.util.spec_from_file_location("fit", ROOT / "scripts" / "fit_rfam_profiles.py")
    assert specification is not None and specification.loader is not None
    script = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(script)
    assert script.consensus_pairs("<<.AA>>aa") == [(0, 6), (1, 5), (3, 8), (4, 7)]
    families = sorted(script.read_alignments(Path(data) / script.ALIGNMENTS, PROFILES), key=lambda family: family[0])
    background = script.background([(aligned, pairs) for _, _, aligned, pairs in families])
    for family, stored in zip(families, profiles(), strict=True):
        fitted = script.fit(*family, *background)
        for name in ("frequencies", "pairs", "joint", "before", "present"):
            assert abs(getattr(fitted, name) - getattr(stored, name)).max() <= 1, (family[0], name)
