"""The family sets in two parts: families that ncrna-nano was kept from, whole, and families that it has seen.

A table on a part compares every model, floor and twin on the same families; on ``-unseen`` ncrna-nano, too, meets each
of them for the first time.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from harness.datasets.records import Dataset
from harness.datasets.resolve import load_dataset

_SPLIT_FILE = Path(__file__).with_name("nano_split.json")


def family_part(name: str, unseen: bool) -> Dataset:
    """The records of a named set whose family is, or is not, among those held out of ncrna-nano's training."""
    whole = load_dataset(name)
    held_out = set(json.loads(_SPLIT_FILE.read_text())["held_out_families"])
    records = [record for record in whole.records if (record.family in held_out) == unseen]
    part, verb = ("unseen", "was kept from") if unseen else ("seen", "was trained on")
    card = replace(
        whole.card, name=f"{name}-{part}", summary=f"{whole.card.summary}; the families that ncrna-nano {verb}"
    )
    return replace(whole.subset(records), card=card)


DATASETS: dict[str, Callable[[], Dataset]] = {
    f"{name}-{part}": partial(family_part, name, part == "unseen")
    for name in ("rfam-profiles", "rfam-seed")
    for part in ("seen", "unseen")
}
