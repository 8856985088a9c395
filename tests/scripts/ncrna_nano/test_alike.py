import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.ncrna_nano.alike import alike, alike_to_any, candidates, clusters, words

rna = st.text("ACGU", min_size=1, max_size=40)


def random_rna(seed: int, length: int) -> str:
    return "".join(np.random.default_rng(seed).choice(list("ACGU"), length))


def mutate(sequence: str, every: int) -> str:
    """Substitute each ``every``-th nucleotide by its successor in ACGU."""
    return "".join("ACGU"["ACGU".index(c) - 3] if i % every == 0 else c for i, c in enumerate(sequence))


def infix_distance(part: str, whole: str) -> int:
    """Edit distance of ``part`` to its best infix of ``whole``, by the textbook recursion."""
    previous = [0] * (len(whole) + 1)
    for i, letter in enumerate(part, 1):
        current = [i]
        for j, other in enumerate(whole, 1):
            current.append(min(previous[j - 1] + (letter != other), previous[j] + 1, current[j - 1] + 1))
        previous = current
    return min(previous)


@settings(max_examples=100)
@given(rna, rna)
def test_alike_is_the_definition(first: str, second: str) -> None:
    shorter, longer = sorted((first, second), key=len)
    span = -(-6 * len(shorter) // 10)
    middle = (len(shorter) - span) // 2
    parts = (shorter, shorter[:span], shorter[middle : middle + span], shorter[len(shorter) - span :])
    assert alike(first, second) == any(5 * infix_distance(part, longer) <= len(part) for part in parts)


def test_identity_threshold() -> None:
    sequence = random_rna(0, 100)
    assert alike(sequence, mutate(sequence, 5))
    assert not alike(sequence, mutate(sequence, 3))


def test_shared_domain_is_found_on_either_side() -> None:
    domain = random_rna(1, 60)
    assert alike(domain + random_rna(2, 40), random_rna(3, 100) + domain)
    assert not alike(domain[:40] + random_rna(2, 60), random_rna(3, 100) + domain[:40])


def test_words_are_the_distinct_six_mers() -> None:
    sequence = "ACGUACGUACGNACGUAAA"
    expected = {sequence[i : i + 6] for i in range(len(sequence) - 5) if "N" not in sequence[i : i + 6]}
    assert words([sequence, "ACG", ""]).sum(1).ravel().tolist() == [[len(expected), 0, 0]]


@pytest.mark.parametrize("length", [60, 150, 500])
def test_prefilter_keeps_what_is_alike_and_drops_chance(length: int) -> None:
    sequences = [random_rna(seed, length) for seed in range(40)]
    generator = np.random.default_rng(0)
    places = generator.random((len(sequences), length)) < 0.12
    variants = [
        "".join("N" if x else c for c, x in zip(*pair, strict=True)) for pair in zip(sequences, places, strict=True)
    ]
    found = list(candidates(words(variants), words(sequences)))
    assert all(row in likely and likely[0] == row for row, likely in enumerate(found))
    assert sum(map(len, found)) < 0.1 * len(sequences) ** 2


def test_alike_to_any() -> None:
    references = [random_rna(seed, 80) for seed in range(5)]
    assert alike_to_any([mutate(references[3], 8), random_rna(9, 80)], references) == [3, -1]
    assert alike_to_any(["ACGU"], []) == [-1]
    assert alike_to_any([], references) == []


def test_clusters_join_the_longest_and_nothing_else() -> None:
    base, other = random_rna(0, 90), random_rna(1, 80)
    sequences = [mutate(base, 9)[:85], other, base, mutate(other, 10)[:70]]
    assert clusters(sequences) == [2, 1, 2, 1]
