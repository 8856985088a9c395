from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.adapter import ModelAdapter
from harness.errors import InputError, NotApplicable, Unavailable
from harness.registry import Registry
from harness.sequences.alignment import Alignment

LAYERS, HEADS, WIDTH = 2, 3, 4


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two sequences: flat maps in npy, stacked maps in npz; the second has hidden states of layer 2 only."""
    folder = tmp_path / "arrays"
    folder.mkdir()
    random = np.random.default_rng(0)
    np.save(folder / "first.npy", random.random((LAYERS * HEADS, 4, 4)))
    np.savez(folder / "first.npz", low=random.random((4, WIDTH)), high=random.random((4, WIDTH), dtype=np.float32))
    maps = random.random((LAYERS, HEADS, 5, 5), dtype=np.float32)
    np.savez(folder / "second.npz", maps=maps, states=np.ones((5, WIDTH), np.float16))
    write(
        folder,
        [
            {
                "sequence": "ACGU",
                "attention": "first.npy",
                "hidden_states": {"0": "first.npz#low", "2": "first.npz#high"},
            },
            {"sequence": "GGNCC", "attention": "second.npz#maps", "hidden_states": {"2": "second.npz#states"}},
        ],
    )
    return folder


def write(folder: Path, sequences: list[dict[str, Any]], **changes: Any) -> None:
    manifest = {"format": 1, "name": "mine", "layers": LAYERS, "heads": HEADS, "width": WIDTH, "sequences": sequences}
    (folder / "manifest.json").write_text(json.dumps(manifest | changes))


def precomputed(folder: Path) -> ModelAdapter:
    return Registry.discover().model(f"precomputed:{folder}")


def maps_of(adapter: ModelAdapter, sequences: list[Any]) -> dict[tuple[int, int], NDArray[np.float32]]:
    found: dict[tuple[int, int], NDArray[np.float32]] = {}
    adapter.visit_attention(sequences, lambda index, layer, maps: found.update({(index, layer): maps.copy()}))
    return found


def test_arrays_come_back_by_sequence(folder: Path) -> None:
    adapter = precomputed(folder)
    assert adapter.card.name == "mine" and adapter.available()
    assert adapter.card.capabilities == {"attention", "hidden_states"}
    assert (adapter.card.layers, adapter.card.heads, adapter.card.width) == (LAYERS, HEADS, WIDTH)

    found = maps_of(adapter, ["GGNCC", "ACGU"])
    assert set(found) == {(0, 1), (0, 2), (1, 1), (1, 2)}
    flat, stacked = np.load(folder / "first.npy"), np.load(folder / "second.npz")["maps"]
    np.testing.assert_array_equal(found[0, 2], stacked[1])
    np.testing.assert_array_equal(found[1, 1], flat[:3].astype(np.float32))
    np.testing.assert_array_equal(found[1, 2], flat[3:].astype(np.float32))

    ((_, states),) = adapter.hidden_states(["ACGU"], [0, -1])
    np.testing.assert_array_equal(states[0], np.load(folder / "first.npz")["low"].astype(np.float32))
    np.testing.assert_array_equal(states[-1], np.load(folder / "first.npz")["high"])
    assert all(array.dtype == np.float32 for array in (*states.values(), *found.values()))


def test_an_alignment_is_found_by_its_query(folder: Path) -> None:
    adapter = precomputed(folder)
    alignment = Alignment("x", ("AC-GU", "ACCGU"))
    np.testing.assert_array_equal(maps_of(adapter, [alignment])[0, 1], maps_of(adapter, ["ACGU"])[0, 1])


def test_capabilities_follow_from_what_is_there(folder: Path) -> None:
    write(folder, [{"sequence": "ACGU", "attention": "first.npy"}], width=None)
    assert precomputed(folder).card.capabilities == {"attention"}
    write(folder, [{"sequence": "ACGU", "hidden_states": {"2": "first.npz#high"}}], heads=None)
    assert precomputed(folder).card.capabilities == {"hidden_states"}


def test_layers_held_are_those_of_every_sequence(folder: Path) -> None:
    adapter = precomputed(folder)
    assert adapter.layers_held(["ACGU"]) == (0, 2) and adapter.layers_held(["ACGU", "GGNCC"]) == (2,)
    with pytest.raises(Unavailable, match="no arrays for sequence UUUU"):
        adapter.layers_held(["UUUU"])


def test_what_the_folder_lacks_is_named(folder: Path) -> None:
    adapter = precomputed(folder)
    visited: list[int] = []
    with pytest.raises(Unavailable, match=r"no arrays for sequence UUUU: add it to manifest.json"):
        adapter.visit_attention(["ACGU", "UUUU"], lambda index, layer, maps: visited.append(index))
    assert not visited  # said before anything is computed
    with pytest.raises(Unavailable, match="no hidden states of layer 0 for sequence GGNCC"):
        list(adapter.hidden_states(["ACGU", "GGNCC"], [0]))
    with pytest.raises(InputError, match="has layers 0 to 2"):
        list(adapter.hidden_states(["ACGU"], [3]))
    write(folder, [{"sequence": "ACGU", "attention": "first.npy"}, {"sequence": "GGNCC"}])
    with pytest.raises(Unavailable, match="no attention for sequence GGNCC"):
        maps_of(precomputed(folder), ["GGNCC"])
    with pytest.raises(NotApplicable, match="random twin"):
        adapter.random_twin()


def test_faults_of_arrays_name_their_file(folder: Path) -> None:
    np.save(folder / "bad.npy", np.ones((LAYERS * HEADS, 4, 5)))
    write(folder, [{"sequence": "ACGU", "attention": "bad.npy", "hidden_states": {"1": "first.npz#low"}}], width=5)
    adapter = precomputed(folder)
    with pytest.raises(InputError, match=r"bad.npy has shape \(6, 4, 5\), not \(2, 3, 4, 4\) or \(6, 4, 4\)"):
        maps_of(adapter, ["ACGU"])
    with pytest.raises(InputError, match=r"first.npz#low has shape \(4, 4\), not \(4, 5\)"):
        list(adapter.hidden_states(["ACGU"], [1]))
    np.save(folder / "bad.npy", np.full((LAYERS * HEADS, 4, 4), np.nan))
    with pytest.raises(InputError, match=r"bad.npy contains values that are not finite"):
        maps_of(adapter, ["ACGU"])
    (folder / "bad.npy").unlink()
    assert not adapter.available()
    with pytest.raises(InputError, match=r"bad.npy does not exist: .*manifest.json names it"):
        adapter.identity()


def test_identity_is_of_content_and_not_of_names_or_places(folder: Path, tmp_path: Path) -> None:
    identity = precomputed(folder).identity()
    moved = tmp_path / "elsewhere"
    shutil.copytree(folder, moved)
    (moved / "first.npy").rename(moved / "renamed.npy")
    manifest = json.loads((moved / "manifest.json").read_text())
    manifest["name"] = "other"
    manifest["sequences"][0]["attention"] = str(moved / "renamed.npy")  # an absolute path
    manifest["sequences"].reverse()
    (moved / "manifest.json").write_text(json.dumps(manifest))
    assert precomputed(moved).identity() == identity

    changed = np.load(moved / "renamed.npy")
    changed[0, 0, 0] += 1
    np.save(moved / "renamed.npy", changed)
    os.utime(moved / "renamed.npy", ns=(1, 1))  # digests are remembered by size and time of change
    assert precomputed(moved).identity() != identity
    original = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(original | {"layers": 3}))
    assert precomputed(folder).identity() != identity


def test_without_a_folder_it_can_be_listed_and_no_more() -> None:
    adapter = Registry.discover().model("precomputed:")
    assert adapter.card.name == "precomputed:" and not adapter.available()
    with pytest.raises(InputError, match="write precomputed:FOLDER"):
        adapter.identity()


def test_the_published_arrays_of_rna_msm(tmp_path: Path, data_folder: Path) -> None:
    published = data_folder / "msa" / "rna_msm_2DRB_1"
    if not published.is_dir():
        pytest.skip("the published outputs of RNA-MSM are not in $HARNESS_DATA")
    sequence = (published / "2DRB_1.fasta").read_text().split()[1]
    for place in (str(published.resolve()), os.path.relpath(published, tmp_path)):
        arrays = {
            "sequence": sequence,
            "attention": f"{place}/2DRB_1_atp.npy",
            "hidden_states": {"10": f"{place}/2DRB_1_emb.npy"},
        }
        write(tmp_path, [arrays], name="rna-msm-published", layers=10, heads=12, width=768)
        adapter = precomputed(tmp_path)
        found = maps_of(adapter, [sequence])
        assert sorted(found) == [(0, layer) for layer in range(1, 11)]
        np.testing.assert_array_equal(np.concatenate(list(found.values())), np.load(published / "2DRB_1_atp.npy"))
        ((_, states),) = adapter.hidden_states([sequence], [-1])
        np.testing.assert_array_equal(states[-1], np.load(published / "2DRB_1_emb.npy"))


def test_the_example_of_the_documentation(tmp_path: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published = data_folder / "msa" / "rna_msm_2DRB_1"
    documentation = Path(__file__).parents[3] / "docs" / "precomputed.md"
    if not published.is_dir() or not documentation.is_file():
        pytest.skip("the published outputs of RNA-MSM, or the documentation, are not on this machine")
    *_, example = re.findall(r"```python\n(.*?)```", documentation.read_text(encoding="utf-8"), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    (tmp_path / published.name).symlink_to(published.resolve())
    exec(example, {})
    adapter = precomputed(tmp_path / "rna-msm-published")
    assert adapter.available() and adapter.card.capabilities == {"attention", "hidden_states"}
