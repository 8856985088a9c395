"""Identity, skipping, retrying and atomic results of a cell."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from harness.adapter import ModelOptions
from harness.datasets.records import Dataset, DatasetCard
from harness.errors import InputError
from harness.progress import Progress
from harness.result import exit_code, read_record, read_verified
from harness.run.cell import Cell, check_writable, run_cell
from harness.run.executors.serial import serial
from tests.fakes import FakeModel, FakeSettings, FakeTask, MissingModel, fake_dataset

QUIET = Progress(quiet=True)


def make_cell(model: FakeModel | None = None, dataset: Dataset | None = None, **settings: object) -> Cell:
    chosen = FakeSettings.model_validate({"layers": (2,)} | settings)
    return Cell(model or FakeModel(), FakeTask(), dataset or fake_dataset(), chosen, ModelOptions())


def test_identity_follows_what_changes_numbers_and_nothing_else() -> None:
    base = make_cell().identity
    assert make_cell().identity == base
    assert make_cell(FakeModel(name="other-name")).identity == base
    changed = [
        make_cell(FakeModel(identity="other weights")),
        make_cell(scale=2.0),
        make_cell(seeds=(0,)),
        make_cell(layers=(1,)),
        make_cell(limit=1),
        make_cell(dataset=fake_dataset().subset(fake_dataset().records[:2])),
    ]
    assert len({cell.identity for cell in changed} | {base}) == len(changed) + 1


def test_identity_does_not_depend_on_the_order_of_records() -> None:
    dataset = fake_dataset()
    assert make_cell(dataset=dataset.subset(reversed(dataset.records))).identity == make_cell().identity


@pytest.mark.parametrize(
    ("model", "dataset", "folder"),
    [
        ("rnabert:random:1", "fake-set", "fake-set/rnabert_random_1"),
        ("utrlm-te_el:random", "multimolecule/rfam", "multimolecule--rfam/utrlm-te_el_random"),
        ("nt-2.5b", "pdb_rna.v2", "pdb_rna.v2/nt-2.5b"),
    ],
)
def test_folders_are_named_after_model_and_dataset(tmp_path: Path, model: str, dataset: str, folder: str) -> None:
    named = replace(fake_dataset(), card=DatasetCard(dataset, ""))
    assert make_cell(FakeModel(model), named).path(tmp_path).parent == tmp_path / "fake-share" / folder


def test_a_done_cell_leaves_record_items_and_files_and_no_partial_state(tmp_path: Path) -> None:
    cell = make_cell()
    record = run_cell(cell, tmp_path, "cpu", QUIET)
    assert record.status == "done" and record.error is None
    path = cell.path(tmp_path)
    assert path == tmp_path / "fake-share" / "fake-set" / "fake" / f"{cell.identity}.json"
    assert read_record(path) == record
    assert list(record.files) == [f"{cell.identity}/{name}" for name in ("draws.parquet", "items.parquet", "note.txt")]
    assert record.files[f"{cell.identity}/note.txt"] == hashlib.sha256(b"kept\n").hexdigest()
    assert all((path.parent / name).is_file() for name in record.files)
    assert sorted(p.name for p in path.parent.iterdir()) == [cell.identity, f"{cell.identity}.json"]
    # one G in acgu, four in GGGG, none in AANN
    assert record.metrics["share"].value == pytest.approx((0.25 + 1 + 0) / 3)
    assert record.dataset.used == 3 and record.dataset.skipped == {"too long": 1}
    assert set(record.environment.seconds) == {"embed"}


def test_finished_cells_are_skipped_failed_ones_are_retried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeTask, "runs", 0)
    monkeypatch.setenv("FAKE_TASK_FAILS", "1")
    (failed,) = serial([make_cell()], tmp_path, "cpu", QUIET)
    assert (failed.status, failed.error) == ("failed", "the fake task was told to fail")
    assert exit_code([failed]) == 1
    monkeypatch.delenv("FAKE_TASK_FAILS")
    (done,) = serial([make_cell()], tmp_path, "cpu", QUIET)
    (again,) = serial([make_cell()], tmp_path, "cpu", QUIET)
    assert done.status == "done" and again == done and FakeTask.runs == 2
    (forced,) = serial([make_cell()], tmp_path, "cpu", QUIET, force=True)
    assert FakeTask.runs == 3 and forced.metrics == done.metrics


def test_an_invalid_record_is_not_trusted(tmp_path: Path) -> None:
    cell = make_cell()
    run_cell(cell, tmp_path, "cpu", QUIET)
    path = cell.path(tmp_path)
    path.write_text(path.read_text()[:-40])
    assert cell.finished(tmp_path) is None
    (record,) = serial([cell], tmp_path, "cpu", QUIET)
    assert record.status == "done" and read_record(path) == record


def test_an_unexpected_error_becomes_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeModel, "hidden_states", lambda *a: 1 / 0)
    record = run_cell(make_cell(), tmp_path, "cpu", QUIET)
    assert (record.status, record.error) == ("failed", "ZeroDivisionError: division by zero")


def test_a_killed_cell_keeps_its_partial_state_and_no_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(FakeModel, "hidden_states", killed)
    cell = make_cell()
    with pytest.raises(KeyboardInterrupt):
        run_cell(cell, tmp_path, "cpu", QUIET)
    assert not cell.path(tmp_path).exists() and cell.path(tmp_path).with_suffix(".work").is_dir()
    monkeypatch.undo()
    record = run_cell(make_cell(), tmp_path, "cpu", QUIET)
    assert record.status == "done" and not cell.path(tmp_path).with_suffix(".work").exists()


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (FakeModel(capabilities={"attention"}), "fake has no hidden_states, which fake-share requires"),
        (FakeModel(alphabet="protein"), "fake reads protein sequences, but fake-share has nucleotide ones"),
    ],
)
def test_a_model_that_does_not_fit_is_not_applicable(tmp_path: Path, model: FakeModel, reason: str) -> None:
    record = run_cell(make_cell(model), tmp_path, "cpu", QUIET)
    assert (record.status, record.error) == ("not-applicable", reason)
    assert exit_code([record]) == 0


class EitherTask(FakeTask):
    card = FakeTask.card.model_copy(
        update={"requires": frozenset(), "requires_any": frozenset({"hidden_states", "pair_scores"})}
    )


@pytest.mark.parametrize(("capability", "status"), [("hidden_states", "done"), ("attention", "not-applicable")])
def test_one_of_several_capabilities_is_enough(tmp_path: Path, capability: str, status: str) -> None:
    model = FakeModel(capabilities={capability})
    cell = Cell(model, EitherTask(), fake_dataset(), FakeSettings(layers=(2,)), ModelOptions())
    record = run_cell(cell, tmp_path, "cpu", QUIET)
    assert record.status == status
    if status == "not-applicable":
        assert record.error == "fake has neither hidden_states nor pair_scores, one of which fake-share requires"


def test_an_unavailable_model_leaves_nothing_on_disk(tmp_path: Path) -> None:
    record = run_cell(make_cell(MissingModel()), tmp_path, "cpu", QUIET)
    assert record.status == "unavailable" and record.model.identity is None
    assert exit_code([record]) == 3 and not list(tmp_path.iterdir())


def test_results_that_cannot_be_written_are_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/results")):
        with pytest.raises(InputError, match="cannot be written to"):
            check_writable(folder)
    check_writable(tmp_path / "new")
    assert not list((tmp_path / "new").iterdir())


class Listening(Progress):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        self.lines.append(text)


@pytest.mark.parametrize("damage", ["record", "missing table", "changed table"])
def test_a_finished_cell_that_is_not_whole_is_reported_and_run_again(tmp_path: Path, damage: str) -> None:
    record = run_cell(make_cell(), tmp_path, "cpu", QUIET)
    path = make_cell().path(tmp_path)
    table = path.with_suffix("") / "items.parquet"
    if damage == "record":
        path.write_text(path.read_text().replace('"used": 3', '"used": 4'))
    elif damage == "missing table":
        table.unlink()
    else:
        table.write_bytes(b"PAR1")
    progress = Listening()
    again = run_cell(make_cell(), tmp_path, "cpu", progress)
    assert again.metrics == record.metrics and again.files == record.files and read_verified(path) == again
    assert str(path) in progress.lines[0] and progress.lines[0].endswith("; running the cell again")


def test_what_a_kill_after_the_record_left_is_cleared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = run_cell(make_cell(), tmp_path, "cpu", QUIET)
    path = make_cell().path(tmp_path)
    (path.with_suffix(".work") / "kept").mkdir(parents=True)
    path.with_suffix(".lock").write_text("process 1 on nowhere")
    monkeypatch.setattr(FakeTask, "runs", 0)
    assert run_cell(make_cell(), tmp_path, "cpu", QUIET) == record and FakeTask.runs == 0
    assert sorted(p.name for p in path.parent.iterdir()) == [record.cell, f"{record.cell}.json"]


def test_a_full_disk_is_one_line_and_nothing_half_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = make_cell().path(tmp_path)
    for broken in ("os.fsync", "os.open", "os.mkdir", "pathlib.Path.replace"):
        with monkeypatch.context() as patch:
            patch.setattr(broken, full)
            record = run_cell(make_cell(), tmp_path, "cpu", QUIET)
        assert record.status == "failed" and exit_code([record]) == 1
        assert record.error == (
            f"{path} cannot be written (No space left on device): "
            "free some space or choose another --results, then re-run the command"
        )
        assert not path.exists() or read_verified(path).status == "failed"
        assert not path.with_suffix("").exists() and not list(tmp_path.rglob("*.partial"))
    assert run_cell(make_cell(), tmp_path, "cpu", QUIET).status == "done"
    assert sorted(p.name for p in path.parent.iterdir()) == [path.stem, path.name]


def test_two_at_once_make_one_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second waits for the first and takes its record: flock holds between threads too."""
    started, go = threading.Event(), threading.Event()
    states = FakeModel.hidden_states

    def slow(self: FakeModel, sequences: object, layers: object) -> object:
        started.set()
        assert go.wait(60)
        return states(self, sequences, layers)  # type: ignore[arg-type]

    monkeypatch.setattr(FakeTask, "runs", 0)
    monkeypatch.setattr(FakeModel, "hidden_states", slow)
    told: list[str] = []

    class Releasing(Listening):
        def message(self, text: str) -> None:
            told.append(text)
            if "waiting for process" in text:
                go.set()

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(run_cell, make_cell(), tmp_path, "cpu", QUIET)
        assert started.wait(60)
        second = pool.submit(run_cell, make_cell(), tmp_path, "cpu", Releasing())
        assert first.result() == second.result() and FakeTask.runs == 1
    assert f"waiting for process {os.getpid()} on " in told[0] and "already done" in told[1]


def test_the_record_appears_after_its_files_and_goes_before_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_cell(make_cell(), tmp_path, "cpu", QUIET)
    path = make_cell().path(tmp_path)
    replace = Path.replace

    def watched(self: Path, target: Path) -> Path:
        if path.exists():
            read_verified(path)
        moved = replace(self, target)
        if path.exists():
            read_verified(path)
        return moved

    monkeypatch.setattr(Path, "replace", watched)
    assert run_cell(make_cell(), tmp_path, "cpu", QUIET, force=True).status == "done"
    assert read_verified(path)
