from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from harness.errors import InputError, Unavailable
from model_adapters.arrays.folder import abbreviated, open_array, read_manifest

MANIFEST: dict[str, Any] = {
    "format": 1,
    "name": "mine",
    "layers": 2,
    "heads": 3,
    "width": 4,
    "sequences": [{"sequence": "ACGU", "attention": "a.npy", "hidden_states": {"0": "b.npy", "2": "c.npz#last"}}],
}


def write(folder: Path, **changes: Any) -> Path:
    manifest = {key: value for key, value in (MANIFEST | changes).items() if value is not None}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_sequences_are_normalised_like_those_of_a_dataset(tmp_path: Path) -> None:
    manifest = read_manifest(write(tmp_path, sequences=[{"sequence": "acgtPR"}]))
    assert manifest.sequences[0].sequence == "ACGUNN"
    manifest = read_manifest(write(tmp_path, alphabet="protein", sequences=[{"sequence": "MKV"}]))
    assert manifest.sequences[0].sequence == "MKV"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": 2}, "format: Input should be 1"),
        ({"name": None}, "name: Field required"),
        ({"name": "a/b"}, "name: 'a/b' is not a valid model name"),
        ({"name": ".."}, "name: '..' is not a valid model name"),
        ({"name": "rnabert:random"}, "name: String should match"),
        ({"name": "rnabert_random_1"}, "may not end in _random"),
        ({"layers": 0}, "layers: Input should be greater than 0"),
        ({"colour": "red"}, "colour: Extra inputs are not permitted"),
        ({"sequences": []}, "sequences: Tuple should have at least 1 item"),
        ({"sequences": [{"sequence": ""}]}, "sequences.0.sequence: String should have at least 1"),
        ({"sequences": [{"sequence": "ACGU", "hidden_states": {"last": "b.npy"}}]}, "hidden_states.last"),
        ({"sequences": [{"sequence": "AC!U"}]}, "sequence 1', position 3: '!' is not a nucleotide"),
        ({"sequences": [{"sequence": "ACGU"}, {"sequence": "acgt"}]}, "sequence ACGU occurs twice"),
        ({"layers": 1}, "hidden states of layer 2, but the model has 1 layers"),
        ({"heads": None}, 'add "heads"'),
        ({"width": None}, 'add "width"'),
    ],
)
def test_faults_of_a_manifest(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        read_manifest(write(tmp_path, **changes))
    assert said in str(caught.value) and str(tmp_path / "manifest.json") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_manifest_and_no_json(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"contains no manifest.json: docs/precomputed.md"):
        read_manifest(tmp_path)
    with pytest.raises(InputError, match=r"contains no manifest.json"):
        read_manifest(tmp_path / "nowhere")
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(InputError, match=r"manifest.json: Invalid JSON"):
        read_manifest(tmp_path)


def test_arrays_of_every_format(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py", reason="HDF5 needs h5py")
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "a.npz", mine=array, other=array[0])
    save_file({"mine": array}, tmp_path / "a.safetensors")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["group/mine"] = array
    for name, key in (("a.npy", ""), ("a.npz", "mine"), ("a.safetensors", "mine"), ("a.h5", "group/mine")):
        with open_array(tmp_path / name, key) as found:
            assert found.shape == array.shape
            np.testing.assert_array_equal(found[1], array[1])
            np.testing.assert_array_equal(found[:], array)


def test_faults_of_arrays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    array = np.ones((2, 2), np.float32)
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "a.npz", mine=array)
    save_file({"mine": array}, tmp_path / "a.safetensors")
    np.save(tmp_path / "text.npy", np.array(["a"]))
    np.save(tmp_path / "pickled.npy", np.array([{}]), allow_pickle=True)
    (tmp_path / "a.h5").write_bytes(b"nonsense")
    for name in ("a.npy", "a.npz", "a.safetensors"):
        (tmp_path / f"cut_{name}").write_bytes((tmp_path / name).read_bytes()[:-9])
    for name, key, said in (
        ("none.npy", "", "does not exist: manifest.json names it"),
        ("a.npy", "mine", "contains one array: name it without #mine"),
        ("a.npz", "", "has no array '': write FILE#KEY with one of mine"),
        ("a.safetensors", "other", "has no array 'other': write FILE#KEY with one of mine"),
        ("text.npy", "", "not numbers"),
        ("pickled.npy", "", "cannot be read as .npy"),
        ("cut_a.npy", "", "cannot be read as .npy"),
        ("cut_a.npz", "mine", "cannot be read as .npz"),
        ("cut_a.safetensors", "mine", "cannot be read as .safetensors"),
    ):
        with pytest.raises(InputError) as caught, open_array(tmp_path / name, key):
            pass
        assert said in str(caught.value) and name in str(caught.value) and "\n" not in str(caught.value)
    (tmp_path / "a.txt").write_text("1 2")
    with pytest.raises(InputError, match=r"a.txt is not .npy"), open_array(tmp_path / "a.txt", ""):
        pass
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(Unavailable, match="pip install h5py"), open_array(tmp_path / "a.h5", "mine"):
        pass


def test_a_damaged_hdf5_file(tmp_path: Path) -> None:
    pytest.importorskip("h5py", reason="HDF5 needs h5py")
    (tmp_path / "a.h5").write_bytes(b"nonsense")
    with pytest.raises(InputError, match=r"a.h5 cannot be read as .h5"), open_array(tmp_path / "a.h5", "mine"):
        pass


def test_an_error_of_the_reader_of_an_array_passes_unchanged(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones(2))
    with pytest.raises(ZeroDivisionError), open_array(tmp_path / "a.npy", ""):
        _ = 1 / 0


def test_long_sequences_are_abbreviated() -> None:
    assert abbreviated("ACGU") == "ACGU"
    assert abbreviated("A" * 41) == "A" * 37 + "… (41 letters)"
