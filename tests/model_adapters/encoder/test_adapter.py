from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import model_adapters.encoder.adapter
from harness.adapter import ModelOptions, Replacement
from harness.errors import InputError, NotApplicable, Unavailable
from model_adapters.catalog.models import ENTRIES
from model_adapters.encoder.adapter import EncoderAdapter
from model_adapters.encoder.network import Network
from tests.model_adapters.conftest import reduced, upstream

ENTRY = reduced("rinalmo-micro")

QUIET = """
import sys
from pathlib import Path
from harness.adapter import ModelOptions
from model_adapters.encoder.adapter import EncoderAdapter
from tests.model_adapters.conftest import reduced

adapter = EncoderAdapter(reduced("rnafm"), ModelOptions(weights=Path(sys.argv[1])))
adapter.identity()
adapter.random_twin().identity()
assert not {"torch", "transformers", "multimolecule"} & set(sys.modules)
list(adapter.hidden_states(["ACGU", "ACGUACGU"], [0, -1]))
adapter.visit_attention(["ACGU"], lambda *_: None)
list(adapter.log_probs(["ACGU"], [[1]]))
"""


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    upstream(ENTRY, seed=5).save_pretrained(tmp_path / "one")
    return tmp_path / "one"


def test_identity_is_of_contents_and_not_of_names(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = EncoderAdapter(ENTRY, ModelOptions(weights=saved)).identity()
    moved = saved.rename(saved.with_name("two"))
    renamed = ENTRY.model_copy(update={"name": "another", "summary": "other words"})
    assert EncoderAdapter(renamed, ModelOptions(weights=moved)).identity() == identity
    assert EncoderAdapter(ENTRY, ModelOptions(weights=moved, dtype="bfloat16")).identity() != identity
    with monkeypatch.context() as patch:
        patch.setattr(model_adapters.encoder.adapter, "ADAPTER_VERSION", 99)
        assert EncoderAdapter(ENTRY, ModelOptions(weights=moved)).identity() != identity
    upstream(ENTRY, seed=6).save_pretrained(moved)
    assert EncoderAdapter(ENTRY, ModelOptions(weights=moved)).identity() != identity


@pytest.mark.parametrize("maps", [False, True])
def test_a_budget_of_tokens_sets_the_batches(maps: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    sequences = ["ACGU" * length for length in (5, 4, 3, 3, 1)]
    adapter, widths = EncoderAdapter(ENTRY, ModelOptions(), 0), []
    adapter.load()
    forward = Network._forward
    monkeypatch.setattr(
        Network, "_forward", lambda self, pieces, *a, **k: (widths.append(len(pieces)), forward(self, pieces, *a, **k))
    )

    def run(budget: int | None) -> list[int]:
        widths.clear()
        adapter.tokens_per_batch = budget
        adapter.visit_attention(sequences, lambda *_: None) if maps else list(adapter.hidden_states(sequences, [1]))
        return list(widths)

    assert run(None) == [5]
    assert run(21) == [1, 1, 1, 1, 1] if not maps else run(21) == [1, 1, 2, 1]
    assert run(1) == [1] * 5 and run(None) == [5]


def test_random_twins_are_told_apart_and_need_no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HARNESS_WEIGHTS", raising=False)
    giga = EncoderAdapter(ENTRIES["rinalmo-giga"], ModelOptions())
    twins = [giga.random_twin(), giga.random_twin(1), giga.random_twin(1).random_twin(2)]
    twins += [EncoderAdapter(ENTRIES["rinalmo-mega"], ModelOptions()).random_twin()]
    assert len({twin.identity() for twin in twins}) == 4
    assert giga.random_twin(1).identity() == twins[1].identity()
    assert [twin.card.name for twin in twins[:3]] == [f"rinalmo-giga:random{end}" for end in ("", ":1", ":4")]
    # a twin is its own control's control: it counts on from itself and never comes back
    assert [giga.random_twin().random_twin(i).card.name[-2:] for i in range(3)] == [":1", ":2", ":3"]
    for twin in twins:
        assert twin.card.role == "floor"
        assert (twin.card.corpus, twin.card.exposure, twin.card.hub_id) == ("none", {}, None)
        assert twin.card.max_length == giga.card.max_length


def test_the_identity_of_a_twin_holds_the_library_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    identity = EncoderAdapter(ENTRY, ModelOptions()).random_twin().identity()
    monkeypatch.setattr(model_adapters.encoder.adapter, "version", lambda name: "0")
    assert EncoderAdapter(ENTRY, ModelOptions()).random_twin().identity() != identity


def test_weights_that_are_nowhere_are_never_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_WEIGHTS", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    adapter = EncoderAdapter(ENTRIES["rnafm"], ModelOptions())
    for need in (adapter.identity, adapter.load, lambda: list(adapter.hidden_states(["ACGU"], [1]))):
        with pytest.raises(Unavailable, match="hf download multimolecule/rnafm --revision main"):
            need()


def test_layers_and_capabilities_that_are_not_there() -> None:
    adapter = EncoderAdapter(ENTRY, ModelOptions()).random_twin()
    with pytest.raises(InputError, match="has layers 0 to 3"):
        adapter.hidden_states(["ACGU"], [4])
    with pytest.raises(InputError, match="has layers 0 to 3"):
        adapter.log_probs(["ACGU"], [[0]], Replacement(4, lambda index, hidden: hidden))
    headless = ENTRY.model_copy(update={"architecture": ENTRY.architecture.model_copy(update={"lm_head": None})})
    adapter = EncoderAdapter(headless, ModelOptions()).random_twin()
    assert adapter.card.capabilities == {"hidden_states", "attention", "leading"}
    with pytest.raises(NotApplicable, match="has no log probs"):
        adapter.log_probs(["ACGU"], [[0]])
    rnabert = EncoderAdapter(reduced("rnabert"), ModelOptions()).random_twin()
    assert "leading" not in rnabert.card.capabilities
    with pytest.raises(NotApplicable, match="has no leading"):
        rnabert.hidden_states_with_leading(["ACGU"], [0])
    with pytest.raises(InputError, match="has layers 0 to 3"):
        EncoderAdapter(ENTRY, ModelOptions()).random_twin().hidden_states_with_leading(["ACGU"], [4])


def test_loading_again_does_nothing_and_unloading_releases() -> None:
    adapter = EncoderAdapter(ENTRY, ModelOptions()).random_twin()
    adapter.load()
    network = adapter._network
    adapter.load()
    assert adapter._network is network
    adapter.unload()
    assert adapter._network is None
    assert len(list(adapter.hidden_states(["ACGU"], [1]))) == 1


def test_hashing_needs_no_library_and_loading_prints_nothing(tmp_path: Path) -> None:
    upstream(reduced("rnafm")).save_pretrained(tmp_path)
    root = Path(__file__).resolve().parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", QUIET, str(tmp_path)], cwd=root, env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
