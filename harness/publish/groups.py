"""Which results may share a table."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from harness.result import ResultRecord

Records = Sequence[tuple[Path, ResultRecord]]


class Group(NamedTuple):
    """What the members of a table share, in the order of the tables. ``settings`` are JSON, without layers."""

    simulated: bool
    dataset: str
    settings: str
    chosen: bool
    """Whether layers are other than a model's last, or the best of several."""
    items: str
    """Hash of the items that were scored, where they are not those of most records."""


def groups_of(records: Records) -> dict[Group, list[tuple[Path, ResultRecord]]]:
    """Records of one task by group, in the order given.

    Models differ in depth, so that layers are compared as last or as chosen ones, which never share a table. A model
    without layers, or a record without numbers, stands in each of the two that there is.
    """
    alike: dict[tuple[bool, str, str], list[tuple[Path, ResultRecord]]] = defaultdict(list)
    for path, record in records:
        dataset = record.dataset
        settings = record.settings | {"limit": record.limit, "seeds": record.seeds}
        version = f"{dataset.name} {dataset.fingerprint} v{record.task.version}"
        alike[dataset.simulated, version, json.dumps(settings, sort_keys=True)].append((path, record))
    groups = {}
    for key, members in alike.items():
        for items, alike_in_items in _by_items(members).items():
            kinds = [_layer_is_chosen(record) for _, record in alike_in_items]
            for chosen in {kind for kind in kinds if kind is not None} or {False}:
                groups[Group(*key, chosen, items)] = [
                    member for member, kind in zip(alike_in_items, kinds, strict=True) if kind in (None, chosen)
                ]
    return groups


def section_title(record: ResultRecord) -> str:
    """The dataset of a table, with the limit that a run was given."""
    limit = f", limited to {record.limit:,}" if record.limit else ""
    return f"{record.dataset.name}{limit}"


def labels(members: Records) -> dict[str, str]:
    """What to call the model of each cell: its name, and a short hash where other weights bear the same name."""
    identities: dict[str, set[str | None]] = defaultdict(set)
    for _, record in members:
        identities[record.model.card.name].add(record.model.identity)
    return {record.cell: _label(record, len(identities[record.model.card.name]) > 1) for _, record in members}


def _label(record: ResultRecord, shared: bool) -> str:
    name, identity = record.model.card.name, record.model.identity
    return f"{name} ({hashlib.sha256(identity.encode()).hexdigest()[:6]})" if shared and identity else name


def _by_items(members: Records) -> dict[str, list[tuple[Path, ResultRecord]]]:
    """Members by the set of items they were scored on, "" for the set of most; what names none stands there too."""
    named = Counter(record.basis.item_set for _, record in members if record.basis is not None)
    usual = max(named, key=lambda name: (named[name], name), default=None)
    sets: dict[str, list[tuple[Path, ResultRecord]]] = defaultdict(list)
    for path, record in members:
        own = usual if record.basis is None else record.basis.item_set
        sets["" if own is None or own == usual else own].append((path, record))
    return sets


def _layer_is_chosen(record: ResultRecord) -> bool | None:
    """None where there is no layer to speak of."""
    depth, basis = record.model.card.layers, record.basis
    if depth is None or basis is None or basis.layer is None or not record.layers:
        return None
    return basis.layer_is_chosen or basis.layer != depth
