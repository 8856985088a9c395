"""Which results may stand in one table."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from harness.result import ResultRecord

Records = Sequence[tuple[Path, ResultRecord]]


class Group(NamedTuple):
    """What the members of a table share, in the order of the tables. ``settings`` are JSON, layers left out."""

    simulated: bool
    dataset: str
    settings: str
    chosen: bool
    """Whether layers are other than a model's last, or the best of several."""


def comparable(records: Records) -> dict[Group, list[tuple[Path, ResultRecord]]]:
    """Records of one task by group, in the order given.

    Models differ in depth, so that layers are compared as last or as chosen ones, which never share a table. A model
    without layers, or a record without numbers, stands in each of the two that there is.
    """
    alike: dict[tuple[bool, str, str], list[tuple[Path, ResultRecord]]] = defaultdict(list)
    for path, record in records:
        dataset = record.dataset
        settings = {key: value for key, value in record.settings.items() if key != "layers"}
        version = f"{dataset.name} {dataset.fingerprint} v{record.task.version}"
        alike[dataset.simulated, version, json.dumps(settings, sort_keys=True)].append((path, record))
    groups = {}
    for key, members in alike.items():
        kinds = [_layer_is_chosen(record) for _, record in members]
        for chosen in {kind for kind in kinds if kind is not None} or {False}:
            groups[Group(*key, chosen)] = [
                member for member, kind in zip(members, kinds, strict=True) if kind in (None, chosen)
            ]
    return groups


def _layer_is_chosen(record: ResultRecord) -> bool | None:
    """None where there is no layer to speak of."""
    depth, layers = record.model.card.layers, record.settings.get("layers")
    if depth is None or not layers or record.status != "done":
        return None
    chosen = record.selected.get("layer_is_chosen", len(layers) > 1)
    return bool(chosen or record.selected.get("layer", layers[-1]) != depth)
