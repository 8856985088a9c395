from __future__ import annotations

from tasks.overlap_ratio.data import prepare
from tasks.overlap_ratio.settings import OverlapRatioSettings
from tasks.overlap_ratio.triplets.report import Triplets
from tests.tasks.overlap_ratio.planted import diverse


def lengths(**lengths_taken: int) -> set[int]:
    """Of the sequences that triplets are found among."""
    dataset, settings = diverse(), OverlapRatioSettings(per_family=3).model_copy(update=lengths_taken)
    found = Triplets(dataset, prepare(dataset, settings), settings)
    length = {record.id: len(record.sequence) for record in dataset.records}
    assert found.sets.record_ids
    return {length[name] for name in found.sets.record_ids}


def test_triplets_are_of_sequences_of_the_lengths_taken() -> None:
    assert lengths() == set(range(104, 111))
    assert lengths(longest=108, shortest=105) == set(range(105, 109))
