"""``harness prefetch`` against a hub on this machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas
import pytest
from typer.testing import CliRunner, Result

from harness.cli import app
from harness.cli.console import WIDTH
from harness.errors import HarnessError, InputError
from harness.storage import hub
from harness.storage.sizes import readable
from model_adapters.catalog.models import ENTRIES
from model_adapters.encoder.checkpoint import random_network
from tests import fakes
from tests.local_hub import LocalHub, point_at


@pytest.fixture(scope="module")
def rnabert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rnabert")
    random_network(ENTRIES["rnabert"], 1).save_pretrained(folder)  # type: ignore[operator]  # not typed
    return folder


@pytest.fixture
def server(rnabert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    with LocalHub() as running:
        point_at(running, tmp_path / "hub", monkeypatch)
        monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
        monkeypatch.delenv("HARNESS_DATA", raising=False)
        monkeypatch.setattr(hub, "WAITS", ())
        running.add("multimolecule/rnabert", rnabert)
        rows = {"id": ["a", "b"], "sequence": ["ACGU", "GGCC"], "family": ["F", "F"]}
        pandas.DataFrame(rows).to_parquet(tmp_path / "train.parquet")
        running.add("someone/set", {"data/train.parquet": (tmp_path / "train.parquet").read_bytes()}, kind="dataset")
        yield running


def prefetch(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["prefetch", *arguments])


def test_sizes_come_first_then_files_checksums_and_licences(server: LocalHub, rnabert: Path) -> None:
    done = prefetch("--model", "rnabert,kmer-2", "--dataset", "someone/set,rfam-profiles")
    assert done.exit_code == 0, done.output
    size = (rnabert / "model.safetensors").stat().st_size + (rnabert / "config.json").stat().st_size
    lines = done.stdout.splitlines()
    assert max(map(len, lines[: lines.index(next(line for line in lines if line.startswith("in all")))])) <= WIDTH
    (row,) = [line for line in lines if line.startswith("model rnabert")]
    assert "multimolecule/rnabert at main" in row and readable(size) in row and "AGPL-3.0" in row
    (verified,) = [line for line in lines if line.startswith("rnabert: ")]
    assert "tensors verified in" in verified and "licence: AGPL-3.0" in verified
    assert any(line.startswith("someone/set: checksums verified") for line in lines)
    assert "rfam-profiles: part of the package; licence: CC0" in lines
    assert f"1/4 model rnabert, {readable(size)}" in done.stderr
    assert lines[-1].startswith("all of it is on this machine")
    asked = len(server.asked)
    again = prefetch("--model", "rnabert", "--dataset", "someone/set")
    assert again.exit_code == 0 and len(server.asked) == asked
    assert "here" in again.stdout and "to fetch" in again.stdout


def test_a_file_that_was_damaged_later_is_fetched_again(server: LocalHub, tmp_path: Path) -> None:
    assert prefetch("--model", "rnabert").exit_code == 0
    (weights,) = (tmp_path / "hub").rglob("model.safetensors")
    content = weights.read_bytes()
    blob = weights.resolve()
    blob.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert prefetch("--model", "rnabert").exit_code == 0
    (weights,) = (tmp_path / "hub").rglob("model.safetensors")
    assert weights.read_bytes() == content


def test_the_datasets_of_a_task(server: LocalHub) -> None:
    done = prefetch("--task", "structure-f1")
    assert "dataset rfam-profiles" in done.stdout and "dataset pdb-rna" in done.stdout
    assert done.exit_code == 3
    assert "error: dataset pdb-rna needs the file structure/pdb_rna.csv" in done.stderr
    fake = prefetch("--task", "fake-share", "--plugin", fakes.__file__)
    assert fake.exit_code == 0 and "fake-set: 3 records read" in fake.stdout


def test_one_that_cannot_be_had_does_not_keep_the_others(server: LocalHub) -> None:
    done = prefetch("--model", "rnafm,rnabert")
    assert done.exit_code == 3
    assert "the hub has no model multimolecule/rnafm" in done.stderr and "rnabert: " in done.stdout
    assert "all of it" not in done.stdout


def test_a_hub_that_does_not_answer_is_asked_once(server: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    server.faults["/"] += ["hang up"] * 100
    done = prefetch("--model", "rnafm,rnabert,ncrna-nano", "--dataset", "someone/set")
    assert done.exit_code == 3 and len(server.asked) == 1
    assert done.stderr.count(f"{server.url} cannot be reached") == 3 and "ncrna-nano: " in done.stdout
    assert "`hf download --repo-type dataset someone/set`" in done.stderr


def test_what_does_not_fit_is_refused_before_it_is_fetched(server: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda place: shutil._ntuple_diskusage(100, 99, 1))
    done = prefetch("--model", "rnabert")
    assert isinstance(done.exception, HarnessError) and done.exception.exit_code == 3
    assert "to fetch, but 1 B free in" in str(done.exception) and "HF_HOME" in str(done.exception)
    assert not server.served("/cdn/")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "nothing to fetch: give --model, --task or --dataset"),
        (["--model", "rnabrt"], "no model is called 'rnabrt'. Did you mean rnabert"),
        (["--task", "structure"], "no task is called 'structure'"),
        (["--model", "rnabert,"], "--model 'rnabert,' contains an empty name"),
    ],
)
def test_what_is_typed_wrong_is_one_line(arguments: list[str], words: str) -> None:
    done = prefetch(*arguments)
    assert isinstance(done.exception, InputError) and words in str(done.exception)
    assert "\n" not in str(done.exception)


@pytest.mark.parametrize(("dataset", "code"), [("nowhere.csv", 2), ("no-such-set", 2), ("someone/absent", 3)])
def test_a_dataset_that_is_nowhere(server: LocalHub, dataset: str, code: int) -> None:
    done = prefetch("--dataset", dataset)
    assert done.exit_code == code and len([line for line in done.stderr.splitlines() if "error:" in line]) == 1


def test_sizes_as_people_write_them() -> None:
    assert [readable(n) for n in (0, 999, 1500, 1_940_000, 250e6, 2.5e9, 3e15)] == [
        "0 B",
        "999 B",
        "2 kB",
        "1.9 MB",
        "250 MB",
        "2.5 GB",
        "3000 TB",
    ]
