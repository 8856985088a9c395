"""A spec goes through pickle into a fresh process and is the same cell there."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from harness.run.plan import Request, plan
from harness.run.spec import CellSpec, Resolver

ROOT = Path(__file__).parents[3]
FRESH = """
import pickle, sys
from pathlib import Path
from harness.progress import Progress
from harness.run.cell import run_cell
from harness.run.spec import resolve
spec = pickle.loads(Path(sys.argv[1]).read_bytes())
record = run_cell(resolve(spec), Path(sys.argv[2]), "cpu", Progress(quiet=True))
print(record.cell, record.status, record.error, record.metrics[record.task.headline].value)
"""
PLUGIN = """
from __future__ import annotations
from dataclasses import dataclass
from harness.adapter import ModelAdapter, ModelCard, ModelOptions


@dataclass
class Counts:
    letters: str = "ACGU"


class Small(ModelAdapter):
    card = ModelCard(name="small", summary="letters", architecture="counts",
                     capabilities=frozenset({"sequence_vectors"}), width=4)

    def __init__(self, options: ModelOptions) -> None:
        self.counts = Counts()

    def identity(self):
        return "small-1"

    def sequence_vectors(self, sequences):
        import numpy as np
        return np.array([[s.count(letter) for letter in self.counts.letters] for s in sequences], np.float32)


MODELS = {"small": Small}
"""


def folder_of_arrays(path: Path) -> Path:
    """Attention of the RNAs of a dataset file beside it, for ``precomputed:FOLDER``."""
    import json

    import numpy as np

    generator = np.random.default_rng(0)
    sequences = [("GGGCAAAAGCCC", "select"), ("GGACUUUUGUCC", "test")]
    rows = [f"r{number},{sequence},((((....)))),{split}" for number, (sequence, split) in enumerate(sequences)]
    (path / "rnas.csv").write_text("\n".join(["id,sequence,structure,split", *rows]) + "\n")
    entries = []
    for number, (sequence, _) in enumerate(sequences):
        maps = generator.random((2, 2, len(sequence), len(sequence))).astype(np.float32)
        np.save(path / f"{number}.npy", maps / maps.sum(axis=-1, keepdims=True))
        entries.append({"sequence": sequence, "attention": f"{number}.npy"})
    manifest = {"format": 1, "name": "arrays", "layers": 2, "heads": 2, "sequences": entries}
    (path / "manifest.json").write_text(json.dumps(manifest))
    return path


def in_a_fresh_process(spec: CellSpec, tmp_path: Path) -> list[str]:
    file = tmp_path / "spec.pickle"
    file.write_bytes(pickle.dumps(spec))
    work = tmp_path / "elsewhere"
    work.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", FRESH, str(file), str(tmp_path / "results")],
        cwd=work,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("kind", ["built-in", "random twin", "precomputed", "plugin"])
def test_a_spec_runs_in_a_fresh_process(kind: str, tmp_path: Path) -> None:
    small = {"draws": "100", "pair_count": "200"}
    plugins: list[Path] = []
    if kind == "precomputed":
        folder = folder_of_arrays(tmp_path)
        request = Request(
            [f"precomputed:{folder}"], ["structure-f1"], [str(folder / "rnas.csv")], settings={"draws": "100"}
        )
    elif kind == "plugin":
        plugins = [tmp_path / "small.py"]
        plugins[0].write_text(PLUGIN)
        request = Request(["small"], ["overlap-ratio"], limit=6, settings=small)
    elif kind == "random twin":
        request = Request(["ncrna-nano:random:1"], ["structure-f1"], limit=3, settings={"draws": "100"})
    else:
        request = Request(["kmer-2"], ["overlap-ratio"], limit=6, seeds="0,1", settings=small)
    resolver = Resolver(plugins)
    spec = next(spec for spec in plan(request, resolver) if not spec.control_of)
    assert pickle.loads(pickle.dumps(spec)) == spec
    identity, status, error, value = in_a_fresh_process(spec, tmp_path)
    assert (status, error) == ("done", "None") and 0 <= float(value) <= 1
    assert identity == resolver.cell(spec).identity


def test_typed_parts_are_apart_from_the_settings() -> None:
    resolver = Resolver()
    (spec,) = plan(Request(["kmer-2"], ["overlap-ratio"], limit=6, seeds="3,1", floors=False), resolver)
    assert (spec.layers, spec.seeds, spec.limit) == ((-1,), (3, 1), 6)
    assert not {"layers", "seeds", "limit"} & set(spec.settings)
    settings = resolver.cell(spec).settings.model_dump()
    assert (settings["seeds"], settings["limit"]) == ((3, 1), 6)


def test_paths_mean_the_same_file_in_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "some.fasta").write_text(">RF00001|a\nACGUACGUAA\n")
    monkeypatch.chdir(tmp_path)
    (spec,) = plan(Request(["kmer-2"], ["overlap-ratio"], ["some.fasta"], floors=False), Resolver())
    assert spec.dataset == str(tmp_path / "some.fasta")
