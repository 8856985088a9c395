"""The datasets that ship with the package, for the registry."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from harness.datasets.manifest import manifests
from harness.datasets.records import Dataset
from harness.datasets.resolve import load_dataset

DATASETS: dict[str, Callable[[], Dataset]] = {name: partial(load_dataset, name) for name in manifests()}
