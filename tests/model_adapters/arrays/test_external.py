from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from harness.adapter import ModelOptions
from harness.errors import InputError, Unavailable
from model_adapters.arrays.external import ENTRIES, MODELS, read_external

ROOT = Path(__file__).parents[3]
SEQUENCES = ("ACGUACG", "GGNCC")
LAYERS, HEADS, WIDTH = 12, 16, 1024  # as the card of rna-km says


def script(page: str) -> str:
    """The Python of a page."""
    (code,) = re.findall(r"^```python\n(.*?)^```$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return str(code)


@pytest.fixture(scope="module")
def export_arrays() -> ModuleType:
    module = ModuleType("export_arrays")
    exec(compile(script("docs/models/README.md"), "export_arrays.py", "exec"), module.__dict__)
    return module


def outputs(layers: int = LAYERS, heads: int = HEADS) -> list[tuple[str, Any, dict[int, Any]]]:
    random = np.random.default_rng(0)
    found = []
    for sequence in SEQUENCES:
        length = len(sequence)
        maps = random.dirichlet(np.ones(length), size=(layers, heads, length))
        found.append((sequence, maps, {layer: random.normal(size=(length, WIDTH)) for layer in (0, layers)}))
    return found


@pytest.fixture
def exported(tmp_path: Path, export_arrays: ModuleType) -> Path:
    folder = tmp_path / "rna-km"
    export_arrays.save(folder, outputs())
    return folder


def test_what_the_recipe_writes_is_what_the_adapter_reads(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_WEIGHTS", str(exported.parent))
    below, named = MODELS["rna-km"](ModelOptions()), MODELS["rna-km"](ModelOptions(weights=exported))
    assert below.available() and below.identity() == named.identity()
    (_, _, first), (sequence, maps, states) = outputs()
    found: dict[int, Any] = {}
    named.visit_attention([sequence], lambda index, layer, array: found.update({layer: array.copy()}))
    assert sorted(found) == list(range(1, LAYERS + 1))
    for layer, array in found.items():
        np.testing.assert_allclose(array, maps[layer - 1], atol=1e-7)
    read = dict(named.hidden_states([sequence, SEQUENCES[0]], [0, -1]))
    np.testing.assert_allclose(read[0][-1], states[LAYERS], rtol=1e-6)
    np.testing.assert_allclose(read[1][0], first[0], rtol=1e-6)
    assert named.layers_held(SEQUENCES) == (0, LAYERS)
    with pytest.raises(Unavailable, match="no arrays for sequence AAAA"):
        list(named.hidden_states(["AAAA"], [0]))


def test_the_card_is_the_catalogs_and_the_shape_that_of_the_arrays(tmp_path: Path, export_arrays: ModuleType) -> None:
    entry = ENTRIES["mp-rna"]
    assert (entry.layers, entry.heads, entry.width) == (None, None, None)  # not known before an export
    export_arrays.save(tmp_path / "mp-rna", outputs(layers=2, heads=3))
    absent, there = MODELS["mp-rna"](ModelOptions()), MODELS["mp-rna"](ModelOptions(weights=tmp_path / "mp-rna"))
    assert not absent.available() and absent.card.layers is None
    assert (there.card.layers, there.card.heads, there.card.width) == (2, 3, WIDTH)
    assert there.card.citation == absent.card.citation == entry.citation
    assert there.card.capabilities == {"attention", "hidden_states"}


@pytest.mark.parametrize("name", ENTRIES)
def test_without_arrays_one_line_says_what_to_fetch_and_which_page_shows_how(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_WEIGHTS", str(tmp_path))
    adapter = MODELS[name](ModelOptions())
    assert not adapter.available()
    for call in (
        adapter.identity,
        lambda: list(adapter.hidden_states(["ACGU"], [0])),
        lambda: adapter.visit_attention(["ACGU"], lambda *_: None),
    ):
        with pytest.raises(Unavailable) as raised:
            call()
        message = str(raised.value)
        assert "\n" not in message and name in message and "--weights PATH" in message
        assert ENTRIES[name].fetch in message and ENTRIES[name].recipe in message


def test_arrays_of_another_model_or_shape_are_refused(tmp_path: Path, export_arrays: ModuleType) -> None:
    export_arrays.save(tmp_path / "lucaone", outputs())
    with pytest.raises(InputError, match="has name lucaone, but rna-km has rna-km"):
        MODELS["rna-km"](ModelOptions(weights=tmp_path / "lucaone")).identity()
    export_arrays.save(tmp_path / "rna-km", outputs(layers=11))
    with pytest.raises(InputError, match="has layers 11, but rna-km has 12"):
        MODELS["rna-km"](ModelOptions(weights=tmp_path / "rna-km")).identity()
    with pytest.raises(InputError, match=r"contains no manifest\.json"):
        MODELS["rna-km"](ModelOptions(weights=tmp_path)).identity()


def test_a_damaged_folder_does_not_break_a_listing(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_WEIGHTS", str(exported.parent))
    manifest = exported / "manifest.json"
    manifest.write_text(manifest.read_text()[:-20])
    adapter = MODELS["rna-km"](ModelOptions())
    assert not adapter.available() and adapter.card.layers == LAYERS
    with pytest.raises(InputError, match=r"manifest\.json"):
        adapter.identity()


def test_identity_is_that_of_the_arrays(exported: Path) -> None:
    before = MODELS["rna-km"](ModelOptions(weights=exported)).identity()
    np.save(exported / "0.attention.npy", np.load(exported / "0.attention.npy") / 2)
    assert MODELS["rna-km"](ModelOptions(weights=exported)).identity() != before


@given(st.lists(st.integers(1, 6), min_size=1, max_size=8), st.integers(0, 99))
def test_spreading_tokens_over_nucleotides(export_arrays: ModuleType, widths: list[int], seed: int) -> None:
    random = np.random.default_rng(seed)
    tokens = len(widths)
    maps = random.dirichlet(np.ones(tokens + 1), size=(2, tokens))[..., :tokens]  # some went to special tokens
    states = random.normal(size=(tokens, 3))
    owner = [token for token, width in enumerate(widths) for _ in range(width)]
    spread = export_arrays.spread_attention(maps, widths)
    np.testing.assert_allclose(export_arrays.spread_states(states, widths), states[owner])
    slow = [[[m[i, j] / widths[j] for j in owner] for i in owner] for m in maps]
    np.testing.assert_allclose(spread, slow)
    np.testing.assert_allclose(spread.sum(-1), maps.sum(-1)[:, owner])


def test_sequences_are_read_once_and_within_the_limit(tmp_path: Path, export_arrays: ModuleType) -> None:
    (tmp_path / "a.fasta").write_text(">one\nacgt\nACG\n>two\nACGUACG\n>three\nACGTACGT\n>four\nGG\n")
    assert export_arrays.read_fasta(tmp_path / "a.fasta", longest=7) == ["ACGUACG", "GG"]


@pytest.mark.parametrize("fault", ["logits", "shape", "layers"])
def test_the_recipe_refuses_what_is_no_attention(tmp_path: Path, export_arrays: ModuleType, fault: str) -> None:
    (_, maps, states), other = outputs()
    faulty = {
        "logits": [(SEQUENCES[0], maps - 0.5, states)],
        "shape": [(SEQUENCES[0][1:], maps, states)],
        "layers": [(SEQUENCES[0], maps, states), (other[0], other[1][:3], other[2])],
    }[fault]
    with pytest.raises(AssertionError):
        export_arrays.save(tmp_path / "rna-km", faulty)


@pytest.mark.parametrize("page", sorted({entry.recipe for entry in ENTRIES.values()}))
def test_pages_name_their_models_and_their_scripts_are_python(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for name, entry in ENTRIES.items():
        if entry.recipe == page:
            assert f"`{name}`" in text
            assert entry.hub_id is None or re.sub(r"-\d+m-", "-100m-", entry.hub_id) in text
    assert "Not run here" in text
    code = compile(script(page), page, "exec")
    assert {"save", "read_fasta", "outputs"} <= set(code.co_names)


def test_faults_of_the_catalog(tmp_path: Path) -> None:
    entry = ENTRIES["rna-km"].model_dump(exclude={"name"}, exclude_none=True)
    path = tmp_path / "external.toml"
    faults: dict[str, dict[str, Any]] = {
        "colour": {"colour": "red"},
        "group": {"group": "viral RNA"},
        "recipe": {"recipe": None},
    }
    for wrong, change in faults.items():
        fields = {key: value for key, value in {**entry, **change}.items() if value is not None}
        path.write_text("[external.new]\n" + "\n".join(f"{key} = {_toml(value)}" for key, value in fields.items()))
        with pytest.raises(ValidationError, match=wrong):
            read_external(path)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {json.dumps(item)}" for key, item in value.items()) + "}"
    return json.dumps(value)


def test_the_catalog_loads_no_heavy_library() -> None:
    code = "import sys, model_adapters.arrays.external; print({'torch', 'numpy', 'multimolecule'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "set()"
