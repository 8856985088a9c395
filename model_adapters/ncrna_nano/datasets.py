"""Splits the family sets into families held out of ncrna-nano's training and families that it has seen.

A table on a part compares every model, floor and twin on the same families; on ``-unseen`` ncrna-nano, too, meets each
of them for the first time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from harness.datasets.records import Dataset, DatasetCard
from harness.datasets.resolve import dataset_cards, load_dataset

_SPLIT_FILE = Path(__file__).with_name("nano_split.json")


@dataclass(frozen=True)
class FamilyPart:
    """The records of a named set whose family is, or is not, among those held out of ncrna-nano's training."""

    whole: str
    unseen: bool

    @property
    def name(self) -> str:
        return f"{self.whole}-{'unseen' if self.unseen else 'seen'}"

    @property
    def card(self) -> DatasetCard:
        """The card of the whole set, with the name of the part and what it is; reads no records."""
        (whole,) = (card for card, _ in dataset_cards() if card.name == self.whole)
        verb = "was not trained on" if self.unseen else "was trained on"
        return replace(whole, name=self.name, summary=f"{whole.summary}; the families that ncrna-nano {verb}")

    def available(self) -> bool:
        """Whether the whole set is on this machine."""
        return any(here for card, here in dataset_cards() if card.name == self.whole)

    def __call__(self) -> Dataset:
        """Read it.

        Raises:
            Unavailable: the whole set is not on this machine.
        """
        dataset = load_dataset(self.whole)
        held_out = set(json.loads(_SPLIT_FILE.read_text())["held_out_families"])
        records = [record for record in dataset.records if (record.family in held_out) == self.unseen]
        return replace(dataset.subset(records), card=self.card)


DATASETS: dict[str, FamilyPart] = {
    part.name: part
    for whole in ("rfam-profiles", "rfam-seed")
    for part in (FamilyPart(whole, unseen=False), FamilyPart(whole, unseen=True))
}
