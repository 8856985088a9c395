"""The tasks, one file each, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.task import Task
from tasks.dependency_map.task import DependencyMap
from tasks.fitness.task import Fitness
from tasks.overlap_ratio.task import OverlapRatio
from tasks.probe_families.task import ProbeFamilies
from tasks.probe_structure.task import ProbeStructure
from tasks.sae_families.task import SaeFamilies
from tasks.sae_motifs.task import SaeMotifs
from tasks.sae_structure.task import SaeStructure
from tasks.similarity.task import Similarity
from tasks.structure_f1.task import StructureF1

TASKS: Mapping[str, Callable[[], Task]] = {
    "dependency-map": DependencyMap,
    "fitness": Fitness,
    "overlap-ratio": OverlapRatio,
    "probe-families": ProbeFamilies,
    "probe-structure": ProbeStructure,
    "sae-families": SaeFamilies,
    "sae-motifs": SaeMotifs,
    "sae-structure": SaeStructure,
    "similarity": Similarity,
    "structure-f1": StructureF1,
}
