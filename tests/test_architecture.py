"""The rooms of the project and the arrows between them: what may import what."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from statistics import median

import networkx
import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("harness", "model_adapters", "tasks")
USES = {
    "tasks.dependency_map": ("tasks.structure",),
    "tasks.fitness": (),
    "tasks.overlap_ratio": (),
    "tasks.probe_families": ("tasks.probes",),
    "tasks.probe_structure": ("tasks.probes", "tasks.structure"),
    "tasks.probes": (),
    "tasks.sae": (),
    "tasks.sae_families": ("tasks.sae",),
    "tasks.sae_motifs": ("tasks.sae",),
    "tasks.sae_structure": ("tasks.sae",),
    "tasks.similarity": (),
    "tasks.structure": (),
    "tasks.structure_f1": ("tasks.structure",),
}
"""The tasks and their libraries, each with those of the others that it may import."""
MOST_FILES_IN_A_FOLDER = 16
LONGEST_MEDIAN = 150


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def sources() -> dict[str, Path]:
    files = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return {module_of(path): path for path in files}


@cache
def imports(module: str, at_top_only: bool = False) -> frozenset[str]:
    """The modules that a module imports; ``from package import submodule`` counts as the submodule."""
    tree = ast.parse(sources()[module].read_text(encoding="utf-8"))
    nodes = ast.iter_child_nodes(tree) if at_top_only else ast.walk(tree)
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            inner = names & sources().keys()
            found.update(inner)
            if names - inner:
                found.add(node.module)
    return frozenset(found)


def importing(inside: str, *forbidden: str) -> list[str]:
    return [
        f"{module} imports {other}"
        for module in sources()
        if module == inside or module.startswith(f"{inside}.")
        for other in imports(module)
        if any(other == name or other.startswith(f"{name}.") for name in forbidden)
    ]


@pytest.mark.parametrize(
    ("inside", "forbidden"),
    [
        ("harness", ("tasks", "model_adapters", "scripts")),
        ("tasks", ("model_adapters", "scripts")),
        ("model_adapters", ("tasks", "scripts")),
        *((own, tuple(other for other in USES if other not in (own, *used))) for own, used in USES.items()),
        ("harness.publish", ("harness.registry", "harness.run", "torch", "transformers", "multimolecule")),
        ("harness.statistics", ("harness.run", "harness.publish", "harness.datasets", "harness.registry")),
    ],
)
def test_arrows_point_one_way(inside: str, forbidden: tuple[str, ...]) -> None:
    assert not importing(inside, *forbidden)


def test_there_is_no_circle_of_imports() -> None:
    graph = networkx.DiGraph()
    graph.add_edges_from((module, other) for module in sources() for other in imports(module) if other in sources())
    assert [sorted(group) for group in networkx.strongly_connected_components(graph) if len(group) > 1] == []


def test_the_command_line_and_what_it_lists_import_no_numerical_library_at_the_top() -> None:
    heavy = {"numpy", "pandas", "scipy", "torch", "sklearn", "matplotlib", "transformers", "multimolecule"}
    listed = ["model_adapters.models", "tasks.registered", "harness.datasets.builtin"]
    reached, waiting = set(), [*listed, *(module for module in sources() if module.startswith("harness.cli"))]
    while waiting:
        module = waiting.pop()
        if module in sources() and module not in reached:
            reached.add(module)
            waiting += imports(module, at_top_only=True)
        elif module.partition(".")[0] in heavy:
            pytest.fail(f"{module} is imported at the top of what the command line imports")


def test_files_are_short_and_folders_can_be_overlooked() -> None:
    lengths = [len(path.read_text(encoding="utf-8").splitlines()) for path in sources().values()]
    assert median(length for length in lengths if length) < LONGEST_MEDIAN
    for folder in {path.parent for path in sources().values()}:
        files = [file.name for file in folder.glob("*.py") if file.name != "__init__.py"]
        assert len(files) <= MOST_FILES_IN_A_FOLDER, f"{folder} holds {sorted(files)}"


def test_tests_mirror_the_tree() -> None:
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        folder = path.parent.relative_to(ROOT / "tests")
        if folder.parts and folder.parts[0] in (*PACKAGES, "scripts"):
            assert (ROOT / folder).is_dir(), f"{path} mirrors no folder"
