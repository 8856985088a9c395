from __future__ import annotations

from harness.adapter import ModelCard
from tasks.overlap_ratio.data import prepare
from tasks.overlap_ratio.settings import OverlapRatioSettings
from tasks.overlap_ratio.triplets.report import Triplets
from tests.tasks.overlap_ratio.planted import CARD, diverse


def lengths(card: ModelCard) -> set[int]:
    """Of the sequences that triplets are found among."""
    dataset, settings = diverse(), OverlapRatioSettings(per_family=3)
    found = Triplets(dataset, prepare(dataset, settings, card), settings, card)
    length = {record.id: len(record.sequence) for record in dataset.records}
    assert found.sets.record_ids
    return {length[name] for name in found.sets.record_ids}


def test_triplets_are_of_sequences_that_the_model_takes() -> None:
    assert lengths(CARD) == set(range(104, 111))
    assert lengths(CARD.model_copy(update={"max_length": 108, "min_length": 105})) == set(range(105, 109))
