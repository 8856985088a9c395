"""The tasks, one file each, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.task import Task
from tasks.sae_families import SaeFamilies

TASKS: Mapping[str, Callable[[], Task]] = {"sae-families": SaeFamilies}
