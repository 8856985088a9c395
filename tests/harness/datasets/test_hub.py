"""Hub sets from a cache laid out as the hub's own client lays it out; no network."""

from __future__ import annotations

import socket
import sys
import time
from pathlib import Path
from typing import Any

import pandas
import pytest

from harness.datasets import hub
from harness.datasets.manifest import manifests
from harness.datasets.resolve import dataset_cards, load_dataset
from harness.errors import InputError, Unavailable

COMMIT = "0" * 39 + "1"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import datasets
    from huggingface_hub import constants

    monkeypatch.delenv("HARNESS_DATA", raising=False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets")
    return tmp_path / "hub"


def lay_out(cache: Path, identifier: str, **splits: dict[str, list[Any]]) -> None:
    folder = cache / f"datasets--{identifier.replace('/', '--')}"
    snapshot = folder / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs/main").write_text(COMMIT)
    for split, columns in splits.items():
        pandas.DataFrame(columns).to_parquet(snapshot / f"{split}.parquet")


def test_splits_structures_and_families(cache: Path) -> None:
    row = {"sequence": ["GGAACC"], "secondary_structure": ["((..))"], "structural_annotation": ["SSHHSS"]}
    lay_out(
        cache,
        "multimolecule/bprna-spot",
        train={"id": ["a"], **row},
        validation={"id": ["b"], **row},
        test={"id": ["c"], **row},
    )
    assert hub.is_cached("multimolecule/bprna-spot")
    data = load_dataset("multimolecule/bprna-spot")
    assert [(r.id, r.split) for r in data.records] == [("a", "train"), ("b", "select"), ("c", "test")]
    assert data.records[0].pairs == ((0, 5), (1, 4)) and data.records[0].given_loop_types == "SSHHSS"
    assert data.card.licence == "AGPL-3.0" and data.card.source.endswith(f"multimolecule/bprna-spot@{COMMIT}")
    assert {card.name for card, here in dataset_cards() if here} >= {"multimolecule/bprna-spot"}


def test_one_split_is_none_and_repeated_ids_get_their_family(cache: Path) -> None:
    columns = {
        "id": ["x/1-4", "x/1-4", "y"],
        "sequence": ["ACGT"] * 3,
        "family": ["A", "B", "B"],
        "clan": ["C", None, ""],
    }
    lay_out(cache, "multimolecule/rfam", train=columns)
    data = load_dataset("multimolecule/rfam")
    assert [r.id for r in data.records] == ["A|x/1-4", "B|x/1-4", "B|y"]
    assert [r.split for r in data.records] == [None] * 3
    assert [r.clan for r in data.records] == ["C", None, None]


def test_own_split_column_wins(cache: Path) -> None:
    columns = {"id": ["a", "b", "c"], "sequence": ["ACGU"] * 3, "split": ["Train", "Validation", "GenC"]}
    lay_out(cache, "multimolecule/chanrg", train=columns)
    assert [r.split for r in load_dataset("multimolecule/chanrg").records] == ["train", "select", "test"]


def test_named_set_falls_back_on_the_hub_and_says_so(cache: Path) -> None:
    lay_out(cache, "multimolecule/archiveii", test={"id": ["a"], "sequence": ["ACGU"], "family": ["tRNA"]})
    data = load_dataset("archiveii")
    assert data.card.name == "multimolecule/archiveii" and data.records[0].family == "tRNA"
    assert dict((card.name, here) for card, here in dataset_cards())["archiveii"]


def test_any_other_owner(cache: Path) -> None:
    lay_out(cache, "someone/rnas", train={"name": ["a"], "seq": ["ACGU"]})
    assert load_dataset("someone/rnas").card.licence == "unknown"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"text": ["ACGU"]}, "hub dataset someone/rnas: no column id or name; found text"),
        ({"id": ["a"], "sequence": ["MKL"]}, "hub dataset someone/rnas: record 'a', position 3: 'L'"),
    ],
)
def test_faults_are_one_line(cache: Path, columns: dict[str, list[str]], message: str) -> None:
    lay_out(cache, "someone/rnas", train=columns)
    with pytest.raises(InputError, match=message) as caught:
        load_dataset("someone/rnas")
    assert "\n" not in str(caught.value)


def test_damaged_file_is_one_line(cache: Path) -> None:
    lay_out(cache, "someone/rnas", train={"id": ["a"], "sequence": ["ACGU"]})
    next(cache.glob("**/train.parquet")).write_bytes(b"PAR1 nothing")
    with pytest.raises(InputError, match="hub dataset someone/rnas cannot be read: ") as caught:
        load_dataset("someone/rnas")
    assert "\n" not in str(caught.value)


def test_offline_answer_names_the_command_and_comes_soon(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    # a port that swallows connections: the worst kind of offline
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.delenv(variable, raising=False)
        started = time.monotonic()
        with pytest.raises(Unavailable, match="`hf download --repo-type dataset multimolecule/chanrg`") as caught:
            load_dataset("multimolecule/chanrg")
        assert time.monotonic() - started < 10
    assert "\n" not in str(caught.value) and caught.value.exit_code == 3


def test_hub_without_the_set(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError, RepositoryNotFoundError

    def answer(identifier: str, *, local_files_only: bool = False, **options: Any) -> str:
        if local_files_only:
            raise LocalEntryNotFoundError("not here")
        raise RepositoryNotFoundError.__new__(RepositoryNotFoundError)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", answer)
    monkeypatch.setattr(hub, "hub_reachable", lambda: True)
    with pytest.raises(
        InputError, match=r"the hub has no dataset 'multimolecule/rfan'. Did you mean multimolecule/rfam"
    ):
        load_dataset("multimolecule/rfan")


def test_hub_that_fails_midway(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    def answer(identifier: str, *, local_files_only: bool = False, **options: Any) -> str:
        raise LocalEntryNotFoundError("not here") if local_files_only else ConnectionError("reset\nby peer")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", answer)
    monkeypatch.setattr(hub, "hub_reachable", lambda: True)
    monkeypatch.setattr("harness.storage.hub.WAITS", ())
    with pytest.raises(Unavailable, match=r"cannot be fetched \(reset by peer: .*\): try `hf download") as caught:
        load_dataset("multimolecule/rfam")
    assert "\n" not in str(caught.value)


def test_without_the_optional_library(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(cache, "someone/rnas", train={"id": ["a"], "sequence": ["ACGU"]})
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(Unavailable, match="needs the datasets library: pip install 'rna-harness"):
        load_dataset("someone/rnas")


def test_manifest_names_of_the_hub_are_ids() -> None:
    assert all((m.hub or name).count("/") == 1 for name, m in manifests().items() if not m.file and not m.embedded)
