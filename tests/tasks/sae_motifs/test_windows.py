import random

import numpy as np

from tasks.sae_motifs.windows import FLANK, coded, feature_motifs, strongest, trimmed, window_counts


def test_letters_around_an_activation_are_counted_and_ends_count_nothing() -> None:
    generator = random.Random(0)
    sequences = [
        "".join(generator.choices("ACGUN", weights=[4, 4, 4, 4, 1], k=generator.randint(5, 60))) for _ in range(30)
    ]
    places = [generator.randrange(len(sequence)) for sequence in sequences]
    codes, starts = coded(sequences)
    expected = np.zeros((2 * FLANK + 1, 4))
    for sequence, place in zip(sequences, places, strict=True):
        for column in range(2 * FLANK + 1):
            position = place + column - FLANK
            if 0 <= position < len(sequence) and sequence[position] != "N":
                expected[column, "ACGU".index(sequence[position])] += 1
    assert window_counts(codes, starts + np.array(places)).tolist() == expected.tolist()


def test_one_window_per_cluster_the_strongest_and_none_that_is_silent() -> None:
    maxima = np.concatenate([[2.0, 3.0], np.linspace(10, 4, 20), [-1.0], np.zeros(100)])
    clusters = np.concatenate([[0, 0], np.arange(1, 122)])
    # that of cluster 0 is the 21st, and stronger than half of the 20th
    assert strongest(maxima, clusters).tolist() == [*range(2, 22), 1]
    maxima[1] = 1.9
    assert strongest(maxima, clusters).tolist() == [*range(2, 22), 0]
    maxima[:2] = 1.9
    assert strongest(maxima, clusters).tolist() == [*range(2, 22)]
    maxima[21] = 0
    maxima[:2] = 0
    assert strongest(maxima, clusters).tolist() == []


def test_no_more_than_a_quarter_of_the_clusters_count() -> None:
    maxima = np.arange(1, 101, dtype=float)
    assert sorted(strongest(maxima, np.arange(100)).tolist()) == list(range(75, 100))


def test_columns_under_a_quarter_bit_are_trimmed_on_either_side() -> None:
    counts = np.full((31, 4), 10.0)
    counts[12:18] = [40, 0, 0, 0]
    counts[14] = 10  # an even column inside stays
    motif = trimmed(counts, 40)
    assert motif is not None and motif.first == 12 - FLANK and len(motif.counts) == 6
    assert trimmed(np.full((31, 4), 10.0), 40) is None
    counts[:] = 10
    counts[3:6] = [0, 40, 0, 0]
    assert trimmed(counts, 40) is None  # three columns are no motif


def test_a_planted_word_is_found_with_its_place() -> None:
    generator = random.Random(1)
    sequences, places = [], []
    for _ in range(200):
        letters = generator.choices("ACGU", k=80)
        place = generator.randrange(5, 60)
        letters[place : place + 7] = "GAUUACA"
        sequences.append("".join(letters))
        places.append(place)
    codes, starts = coded(sequences)
    maxima = np.column_stack([np.ones(200), np.zeros(200)]).astype(np.float32)
    where = np.column_stack([np.array(places) + 9, np.zeros(200)]).astype(np.int16)
    found, silent = feature_motifs(maxima, where, codes, starts, np.arange(200))
    assert silent is None and found is not None
    assert found.first == -9 and found.windows == 50
    assert "".join("ACGU"[letter] for letter in found.counts.argmax(axis=1)) == "GAUUACA"
