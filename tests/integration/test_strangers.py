"""Files from strangers: each of these does what a hostile one would, and is refused in one line or does no harm."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import pickle
import shutil
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pyarrow
import pyarrow.parquet
import pytest
import torch
from safetensors.torch import save_file

from harness.adapter import ModelOptions
from harness.datasets import hub, readers
from harness.datasets.alignments import with_alignments
from harness.datasets.records import DatasetCard, Record, build_dataset
from harness.errors import InputError
from harness.progress import Progress
from harness.registry import Registry
from harness.result import ResultRecord, read_record, read_records, read_verified
from harness.run.cell import Cell, run_cell
from harness.storage import bounds
from harness.storage.convert import convert
from harness.storage.hub import remove_damaged
from harness.storage.lock import exclusive
from harness.storage.weights import find_weights
from model_adapters.arrays.folder import open_array
from model_adapters.encoder.checkpoint import random_network, trained_network
from model_adapters.encoder.pretrained import from_folder
from tests.fakes import FakeModel, FakeTask, fake_dataset
from tests.model_adapters.encoder.saved_models import BERT_LETTERS, save_bert_tokenizer, save_model
from tests.model_adapters.encoder.test_spelling import SPLICEBERT, respelled, write


@pytest.fixture
def low_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bomb of a few kilobytes shows what one of gigabytes would do."""
    monkeypatch.setattr(bounds, "ALWAYS", 2**21)


class Payload:
    """What a hostile pickle would run."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.marker,))


def one_line(error: pytest.ExceptionInfo[BaseException]) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


# --- what unpacks to far more than it is


def test_a_gzip_bomb_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.fasta.gz"
    path.write_bytes(gzip.compress(b">a\n" + b"A" * 2**27))
    assert path.stat().st_size < 2**18
    tracemalloc.start()
    with pytest.raises(InputError, match="unpacks to over 67,108,864: is it a data file") as error:
        readers.read(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    one_line(error)
    assert peak < 2**26 + 2**23


def test_repetitive_sequences_are_no_bomb(tmp_path: Path) -> None:
    path = tmp_path / "repeats.fasta.gz"
    path.write_bytes(gzip.compress(b"".join(b">r%d\nACGUACGUACGU\n" % number for number in range(20_000))))
    assert len(readers.read(path).records) == 20_000


@pytest.mark.usefixtures("low_bound")
@pytest.mark.parametrize("kind", ["long text", "many rows", "zeros"])
def test_a_parquet_bomb_is_refused(kind: str, tmp_path: Path) -> None:
    columns: dict[str, Any] = {
        "long text": {"id": ["a"] * 400, "sequence": ["ACGU" * 5_000] * 400},
        "many rows": {"id": ["a"] * 2_000_000, "sequence": ["A"] * 2_000_000},
        "zeros": {"id": ["a"], "sequence": ["A" * 2**23]},
    }[kind]
    path = tmp_path / "bomb.parquet"
    pyarrow.parquet.write_table(pyarrow.table(columns), path, compression="zstd")
    assert path.stat().st_size < 2**14
    with pytest.raises(InputError, match=r"bomb.parquet: a Parquet file of .* bytes unpacks to over") as error:
        readers.read(path)
    one_line(error)


@pytest.mark.usefixtures("low_bound")
def test_parquet_bombs_of_the_hub_and_of_results_are_refused(finished: tuple[Path, Path], tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.parquet"
    many = pyarrow.table({"id": ["a"] * 2_000_000, "sequence": ["A"] * 2_000_000})
    pyarrow.parquet.write_table(many, bomb, compression="zstd")
    with pytest.raises(InputError, match=r"hub dataset someone/set: bomb.parquet of .* bytes unpacks to over"):
        hub._frame(tmp_path, "someone/set")
    _, path = finished
    shutil.copy(bomb, path.with_suffix("") / "items.parquet")
    digest = hashlib.sha256(bomb.read_bytes()).hexdigest()
    forged(path, files={f"{path.stem}/items.parquet": digest})
    with pytest.raises(ValueError, match=r"its file .*items.parquet of .* bytes unpacks to over"):
        read_verified(path)


def test_a_table_is_read_as_before(tmp_path: Path) -> None:
    frame = pandas.DataFrame({"id": [f"r{n}" for n in range(1000)], "sequence": ["ACGU"] * 1000})
    frame["base_pairs"] = [[[1, 4]]] * 1000
    frame.to_parquet(tmp_path / "plain.parquet")
    dataset = readers.read(tmp_path / "plain.parquet")
    assert len(dataset.records) == 1000 and dataset.records[999].pairs == ((0, 3),)


@pytest.mark.usefixtures("low_bound")
def test_archives_that_unpack_to_far_more_are_refused(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "bomb.npz", a=np.zeros(2**20))
    with (
        pytest.raises(InputError, match=r"bomb.npz of .* bytes unpacks to over"),
        open_array(tmp_path / "bomb.npz", "a"),
    ):
        pass
    with zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb/data.pkl", bytes(2**23))
    with pytest.raises(InputError, match=r"bomb.pt of .* bytes unpacks to over"):
        convert(tmp_path / "bomb.pt")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("vocab_size", 10**12, "has vocab_size 1,000,000,000,000, but no tensor of splicebert-human is that large"),
        ("max_position_embeddings", 10**12, "has max_position_embeddings 1,000,000,000,000"),
        ("intermediate_size", 2**40, "has intermediate_size 1,099,511,627,776"),
    ],
)
def test_a_configuration_of_a_network_that_fills_the_memory(field: str, value: int, said: str, tmp_path: Path) -> None:
    network = random_network(SPLICEBERT, 1)
    write(tmp_path, SPLICEBERT, network, respelled(SPLICEBERT, network, "today's"))
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {field: value}))
    with pytest.raises(InputError) as error:
        trained_network(SPLICEBERT, tmp_path)
    assert said in one_line(error)


def test_layers_without_weights_are_refused(tmp_path: Path) -> None:
    save_bert_tokenizer(tmp_path, BERT_LETTERS)
    save_model(tmp_path, "Bert", "BertForMaskedLM", BERT_LETTERS)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 10**9}))
    with pytest.raises(InputError, match="has 1,000,000,000 layers, but the weights hold") as error:
        from_folder("own", tmp_path)(ModelOptions()).load()
    one_line(error)


def test_a_configuration_that_nests_without_end(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("[" * 200_000)
    save_file({"a": torch.zeros(1)}, tmp_path / "model.safetensors")
    with pytest.raises(InputError, match="is not a JSON object") as error:
        from_folder("own", tmp_path)(ModelOptions())
    one_line(error)


# --- what would run code


def test_a_pickle_beside_or_in_place_of_weights_is_not_read(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    for name in ("pytorch_model.bin", "training_args.bin", "model.pt"):
        (tmp_path / name).write_bytes(pickle.dumps(Payload(marker)))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match="pickles are not read"):
        find_weights("own", tmp_path)
    (tmp_path / "model.safetensors").write_bytes(pickle.dumps(Payload(marker)))
    with pytest.raises(InputError, match=r"model.safetensors is damaged"):
        trained_network_of(tmp_path)
    np.save(tmp_path / "a.npy", np.array([Payload(marker)], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "a.npz", a=np.array([Payload(marker)], dtype=object))
    for name, key in (("a.npy", ""), ("a.npz", "a")):
        with pytest.raises(InputError, match=r"cannot be read as"), open_array(tmp_path / name, key):
            pass
    assert not marker.exists()


def trained_network_of(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"model_type": "splicebert"}))
    trained_network(SPLICEBERT, folder)


def test_code_in_the_folder_of_a_model_does_not_run(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    save_bert_tokenizer(tmp_path, BERT_LETTERS)
    save_model(tmp_path, "Bert", "BertForMaskedLM", BERT_LETTERS)
    code = f"from pathlib import Path\nPath({str(marker)!r}).touch()\n"
    for name in ("modeling_own.py", "configuration_own.py", "tokenization_own.py", "__init__.py"):
        (tmp_path / name).write_text(code)
    for name, classes in {
        "config.json": {"AutoConfig": "configuration_own.Own", "AutoModel": "modeling_own.Own"},
        "tokenizer_config.json": {"AutoTokenizer": ["tokenization_own.Own", None]},
    }.items():
        document = json.loads((tmp_path / name).read_text())
        (tmp_path / name).write_text(json.dumps(document | {"auto_map": classes, "trust_remote_code": True}))
    states = dict(from_folder("own", tmp_path)(ModelOptions()).hidden_states(["ACGU"], [-1]))
    assert states[0][-1].shape == (4, 32) and not marker.exists()


def test_a_plugin_runs_only_where_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marker = tmp_path / "ran"
    (tmp_path / "plugin.py").write_text(f"from pathlib import Path\nPath({str(marker)!r}).touch()\nMODELS = {{}}\n")
    (tmp_path / "sitecustomize.py").write_text(f"open({str(marker)!r}, 'w')\n")
    monkeypatch.chdir(tmp_path)
    Registry.discover()
    assert not marker.exists()
    with pytest.raises(InputError, match="defines none of"):
        Registry.discover([tmp_path / "plugin.py"])
    assert marker.exists()


# --- what leads to another place


@pytest.fixture
def finished(tmp_path: Path) -> tuple[Path, Path]:
    """A results folder with one record."""
    results = tmp_path / "results"
    run_cell(own_cell(), results, "cpu", Progress(quiet=True))
    return results, own_cell().path(results)


def own_cell() -> Cell:
    return Cell(FakeModel(), FakeTask(), fake_dataset(), FakeTask.settings_type(layers=(0,)), ModelOptions())


def forged(path: Path, **changes: Any) -> None:
    """Write a record that is consistent in itself."""
    record = ResultRecord.model_construct(**dict(read_record(path)) | changes)
    path.write_text(record.sealed().to_json())


@pytest.mark.parametrize("name", ["../../../../secret", "/etc/passwd", "cell/../../x", "..\\secret"])
def test_a_record_names_no_file_outside_its_folder(name: str, finished: tuple[Path, Path]) -> None:
    results, path = finished
    forged(path, files={name: None})
    with pytest.raises(ValueError, match="is not a file below the record"):
        read_verified(path)
    records, problems = read_records(results)
    assert not records and len(problems) == 1 and "\n" not in problems[0]


@pytest.mark.parametrize("cell", ["../../up", "/etc/x", "", ".hidden", "a/b"])
def test_the_name_of_a_cell_is_no_path(cell: str, finished: tuple[Path, Path]) -> None:
    _, path = finished
    forged(path, cell=cell)
    with pytest.raises(ValueError, match="cell: String should match"):
        read_record(path)


def test_a_file_of_a_record_is_no_link_to_another_place(finished: tuple[Path, Path], tmp_path: Path) -> None:
    results, path = finished
    secret = tmp_path / "secret.svg"
    secret.write_text("<svg>secret</svg>")
    (path.with_suffix("") / "picture.svg").symlink_to(secret)
    forged(path, files={f"{path.stem}/picture.svg": None})
    with pytest.raises(ValueError, match=r"picture.svg is a link to another place"):
        read_verified(path)
    (path.with_suffix("") / "picture.svg").unlink()
    (path.with_suffix("") / "large").symlink_to(tmp_path)
    assert "large is a link to another place" in read_records(results)[1][0]


def test_results_are_not_written_through_a_link(tmp_path: Path) -> None:
    results, elsewhere = tmp_path / "results", tmp_path / "elsewhere"
    elsewhere.mkdir()
    results.mkdir()
    (results / "fake-share").symlink_to(elsewhere)
    record = run_cell(own_cell(), results, "cpu", Progress(quiet=True))
    assert record.status == "failed" and record.error is not None and "is a link out of" in record.error
    assert not list(elsewhere.iterdir())


@pytest.mark.parametrize("suffix", [".work", ""])
def test_work_is_not_done_and_removed_through_a_link(suffix: str, tmp_path: Path) -> None:
    results, elsewhere = tmp_path / "results", tmp_path / "elsewhere"
    (elsewhere / "artifacts").mkdir(parents=True)
    (elsewhere / "artifacts" / "kept").touch()
    path = own_cell().path(results)
    path.parent.mkdir(parents=True)
    path.with_suffix(suffix).symlink_to(elsewhere)
    assert run_cell(own_cell(), results, "cpu", Progress(quiet=True), force=True).status == "failed"
    assert (elsewhere / "artifacts" / "kept").exists()


def test_a_lock_that_is_a_link_empties_no_file(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "cell.lock").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError), exclusive(tmp_path / "cell.lock", print):
        pass
    assert (tmp_path / "precious").read_text() == "precious"


@pytest.mark.parametrize("name", ["../secret", "link"])
def test_an_alignment_lies_in_its_folder(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "set.alignments"
    folder.mkdir()
    (tmp_path / "secret.a3m").write_text(">a\nACGU\n")
    (folder / "link.a3m").symlink_to(tmp_path / "secret.a3m")
    dataset = build_dataset(DatasetCard("set", "a set"), [Record(name, "ACGU")])
    with pytest.raises(InputError, match=r"its alignment .* lies outside") as error:
        with_alignments(dataset, folder)
    one_line(error)


def test_a_folder_of_structures_holds_no_link_to_another_place(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    (tmp_path / "secret.dbn").write_text(">a\nACGU\n....\n")
    (folder / "a.dbn").symlink_to(tmp_path / "secret.dbn")
    with pytest.raises(InputError, match=r"a.dbn is a link out of") as error:
        readers.read(folder)
    one_line(error)


def test_a_damaged_link_of_the_hub_cache_removes_no_foreign_file(tmp_path: Path) -> None:
    snapshot = tmp_path / "models--a--b" / "snapshots" / "c"
    snapshot.mkdir(parents=True)
    foreign = tmp_path / ("0" * 64)
    foreign.write_text("precious")
    (snapshot / "model.safetensors").symlink_to(foreign)
    with pytest.raises(ValueError, match=r"the checksum of model\.safetensors"):
        remove_damaged(snapshot)
    assert foreign.read_text() == "precious" and not os.path.lexists(snapshot / "model.safetensors")


@pytest.mark.parametrize("place", ["/etc/*.parquet", "../../other/*.parquet", "https://elsewhere.org/a.parquet", "~/x"])
def test_a_hub_dataset_reads_only_its_own_files(place: str, tmp_path: Path) -> None:
    pandas.DataFrame({"id": ["a"], "sequence": ["ACGU"]}).to_parquet(tmp_path / "train.parquet")
    (tmp_path / "README.md").write_text(
        f"---\nconfigs:\n- config_name: a\n  data_files:\n  - path: {place}\n---\n# x\n"
    )
    with pytest.raises(InputError, match=r"its README.md takes data from .*, outside the dataset") as error:
        hub._frame(tmp_path, "someone/set")
    one_line(error)
    shutil.copy(tmp_path / "train.parquet", tmp_path / "a-0.parquet")
    (tmp_path / "README.md").write_text(
        "---\nlicense: mit\nconfigs:\n- config_name: a\n  data_files: a-*.parquet\n---\n"
    )
    hub._check_card(tmp_path, "someone/set")


@pytest.mark.parametrize("text", ["---\n!!python/object/apply:os.system ['touch ran']\n---\n", "---\na: [\n---\n"])
def test_the_card_of_a_hub_dataset_runs_no_code(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "README.md").write_text(text)
    with pytest.raises(InputError, match=r"its README.md cannot be read") as error:
        hub._frame(tmp_path, "someone/set")
    one_line(error)
    assert not (tmp_path / "ran").exists()
