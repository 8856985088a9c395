from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.adapter import ModelOptions
from harness.datasets.alignments import filter_depth, read_alignments
from harness.errors import InputError, NotApplicable, Unavailable
from harness.sequences.alignment import Alignment
from model_adapters.encoder.entry import Entry
from model_adapters.models import MODELS
from model_adapters.rnamsm import adapter as module
from model_adapters.rnamsm import network
from model_adapters.rnamsm.adapter import RNA_MSM, RnaMsmAdapter

LAYERS, HEADS, WIDTH = 2, 4, 32
# the query has a gap in column 3, which no model may see
ALIGNMENT = Alignment("x", ("GGC-AUNGCC", "GGCAAU-GCC", "-GCUAUAGC-", "GACAAUAGUC", "GGC-GUAGCC"))
QUERY_COLUMNS = (0, 1, 2, 4, 5, 6, 7, 8, 9)


def reduced(**config: int) -> Entry:
    small = {"num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "hidden_size": WIDTH, "intermediate_size": 48}
    return RNA_MSM.model_copy(update={"config": {**RNA_MSM.config, **small, "max_position_embeddings": 64, **config}})


def adapter(initialisation: int | None = 0, options: ModelOptions | None = None, **config: int) -> RnaMsmAdapter:
    return RnaMsmAdapter(reduced(**config), options or ModelOptions(), initialisation)


def maps_of(model: RnaMsmAdapter, alignments: list[Alignment]) -> dict[tuple[int, int], NDArray[np.float32]]:
    found: dict[tuple[int, int], NDArray[np.float32]] = {}
    model.visit_attention(alignments, lambda index, layer, maps: found.update({(index, layer): maps.copy()}))
    return found


def upstream(alignment: Alignment, seed: int = 0) -> Any:
    """The same network and tokens by direct use of multimolecule, through its own outputs."""
    import multimolecule
    import torch

    torch.manual_seed(seed)
    model = multimolecule.RnaMsmForMaskedLM(multimolecule.RnaMsmConfig(**reduced().config)).eval()
    vocabulary = multimolecule.RnaTokenizer().get_vocab()
    rows = [
        [vocabulary["<cls>"]] + [vocabulary["X" if row[i] == "N" else row[i]] for i in alignment.query_columns]
        for row in alignment.rows
    ]
    with torch.no_grad():
        return model.model(torch.tensor([rows]), output_hidden_states=True, output_attentions=True)


def test_golden_against_direct_use_of_the_library() -> None:
    assert ALIGNMENT.query_columns == QUERY_COLUMNS
    expected = upstream(ALIGNMENT)
    model = adapter()
    found = maps_of(model, [ALIGNMENT])
    assert sorted(found) == [(0, 1), (0, 2)]
    for layer in (1, 2):
        maps = found[0, layer]
        assert maps.shape == (HEADS, 9, 9) and maps.dtype == np.float32
        np.testing.assert_allclose(maps, expected.row_attentions[layer - 1][0, :, 1:, 1:], atol=1e-6)
    ((index, states),) = model.hidden_states([ALIGNMENT], [0, 1, 2, -1])
    assert index == 0 and list(states) == [0, 1, 2, -1]
    for layer in (0, 1, 2):
        assert states[layer].shape == (9, WIDTH) and states[layer].dtype == np.float32
        np.testing.assert_allclose(states[layer], expected.hidden_states[layer][0, 0, 1:], atol=1e-5)
    np.testing.assert_array_equal(states[-1], states[2])


def test_rows_lose_only_what_the_special_token_gets() -> None:
    for maps in maps_of(adapter(), [ALIGNMENT]).values():
        sums = maps.sum(axis=-1)
        assert (maps >= 0).all() and (sums < 1).all() and (sums > 0.5).all()


def test_a_homolog_changes_the_maps_and_a_column_outside_the_query_does_not() -> None:
    model = adapter()
    alone, all_rows = maps_of(model, [ALIGNMENT.shallow(1)])[0, 2], maps_of(model, [ALIGNMENT])[0, 2]
    assert np.abs(alone - all_rows).max() > 1e-4
    cut = Alignment("x", tuple("".join(row[i] for i in QUERY_COLUMNS) for row in ALIGNMENT.rows))
    np.testing.assert_array_equal(maps_of(model, [cut])[0, 2], all_rows)


def test_each_alignment_runs_alone() -> None:
    model = adapter()
    others = [ALIGNMENT.shallow(2), Alignment("y", ("ACGU" * 5,)), ALIGNMENT]
    together = maps_of(model, others)
    for index, alignment in enumerate(others):
        np.testing.assert_array_equal(together[index, 2], maps_of(model, [alignment])[0, 2])
    states = dict(model.hidden_states(others, [1]))
    assert [states[index][1].shape for index in range(3)] == [(9, WIDTH), (20, WIDTH), (9, WIDTH)]


def test_column_attention_in_parts_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = maps_of(adapter(), [ALIGNMENT])[0, 2]
    monkeypatch.setattr(network, "COLUMN_CELLS", 2 * HEADS * ALIGNMENT.depth**2)  # two columns at a time
    np.testing.assert_allclose(maps_of(adapter(), [ALIGNMENT])[0, 2], whole, atol=1e-6)


def test_a_deep_alignment_is_reduced_to_diverse_sequences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAXIMUM_DEPTH", 3)
    model = adapter()
    found, expected = maps_of(model, [ALIGNMENT]), maps_of(model, [filter_depth(ALIGNMENT, 3)])
    np.testing.assert_array_equal(found[0, 2], expected[0, 2])
    deep, shallow = (next(model.hidden_states([x], [2]))[1][2] for x in (ALIGNMENT, filter_depth(ALIGNMENT, 3)))
    np.testing.assert_array_equal(deep, shallow)


def test_random_weights_and_their_twins() -> None:
    trained = RnaMsmAdapter(reduced(), ModelOptions())
    first, second = trained.random_twin(), trained.random_twin(1)
    assert first.random_twin().identity() == second.identity() != first.identity()
    assert first.card.name == "rna-msm:random" and first.card.role == "floor" and first.available()
    assert first.card.capabilities == trained.card.capabilities == {"alignment", "attention", "hidden_states"}
    a, b = (maps_of(model, [ALIGNMENT])[0, 1] for model in (first, second))
    assert np.abs(a - b).max() > 1e-4
    np.testing.assert_array_equal(maps_of(trained.random_twin(), [ALIGNMENT])[0, 1], a)


def test_what_it_cannot_read() -> None:
    model = adapter()
    with pytest.raises(NotApplicable, match="reads alignments, but sequence 1 has none"):
        model.visit_attention([ALIGNMENT, "ACGU"], lambda index, layer, maps: None)  # type: ignore[arg-type]
    long = Alignment("long", ("A" * 1024,))
    with pytest.raises(InputError, match=r"1024 nt; rna-msm:random takes at most 1023"):
        list(model.hidden_states([long], [0]))
    with pytest.raises(InputError, match="has layers 0 to 2"):
        list(model.hidden_states([ALIGNMENT], [3]))


def test_an_error_of_the_visitor_passes_unchanged() -> None:
    def visit(index: int, layer: int, maps: Any) -> None:
        raise ZeroDivisionError

    model = adapter()
    with pytest.raises(ZeroDivisionError):
        model.visit_attention([ALIGNMENT], visit)
    assert sorted(maps_of(model, [ALIGNMENT])) == [(0, 1), (0, 2)]  # no hook is left behind


def test_loading_is_strict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import multimolecule
    import torch
    from safetensors.torch import load_file, save_file

    torch.manual_seed(0)
    # the published checkpoint is of this class: its contact head is not used here
    multimolecule.RnaMsmForPreTraining(multimolecule.RnaMsmConfig(**reduced().config)).save_pretrained(tmp_path)
    trained = adapter(None, ModelOptions(weights=tmp_path))
    assert trained.available() and trained.identity() != adapter().identity()
    state = load_file(tmp_path / "model.safetensors")
    assert any(name.startswith("ss_head") for name in state)
    assert maps_of(trained, [ALIGNMENT])[0, 2].shape == (HEADS, 9, 9)
    np.testing.assert_array_equal(
        trained._alignment_network().model.model.embeddings.msa_embeddings.numpy(),
        state["model.embeddings.msa_embeddings"].numpy(),
    )
    state.pop("model.encoder.layer.0.row_self_attention.layer.q_proj.weight")
    save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match="1 missing"):
        adapter(None, ModelOptions(weights=tmp_path)).load()
    monkeypatch.delenv("HARNESS_WEIGHTS", raising=False)
    with pytest.raises(Unavailable, match="no weights of rna-msm on this machine"):
        RnaMsmAdapter(RNA_MSM, ModelOptions()).identity()


def test_bfloat16_is_close() -> None:
    exact = maps_of(adapter(), [ALIGNMENT])[0, 2]
    rough = maps_of(adapter(options=ModelOptions(dtype="bfloat16")), [ALIGNMENT])[0, 2]
    np.testing.assert_allclose(rough, exact, atol=0.02)


def test_the_form_of_the_published_outputs(data_folder: Path) -> None:
    published = data_folder / "msa" / "rna_msm_2DRB_1"
    if not published.is_dir():
        pytest.skip("the published outputs of RNA-MSM are not in $HARNESS_DATA")
    card = MODELS["rna-msm"](ModelOptions()).card
    attention, embedding = np.load(published / "2DRB_1_atp.npy"), np.load(published / "2DRB_1_emb.npy")
    (alignment,) = read_alignments(published / "2DRB_1.a2m_msa2")
    assert card.layers is not None and card.heads is not None
    assert attention.shape == (card.layers * card.heads, len(alignment.query), len(alignment.query))
    # its rows, too, lose to a special token: the published maps are what this adapter returns
    assert attention.sum(axis=-1).max() <= 1 + 1e-5 and attention.sum(axis=-1).min() < 0.5
    assert embedding.shape == (len(alignment.query), card.width)

    model = adapter(num_hidden_layers=1, max_position_embeddings=1024)
    maps = maps_of(model, [filter_depth(alignment, 20)])[0, 1]
    assert maps.shape == (HEADS, *attention.shape[1:])


def test_what_it_lacks_is_not_applicable() -> None:
    given: Any = [ALIGNMENT]
    model = adapter()
    with pytest.raises(NotApplicable, match="rna-msm:random has no attention with special tokens"):
        model.visit_attention_with_special(given, lambda *_: None)
    with pytest.raises(NotApplicable, match="rna-msm:random has no leading"):
        model.hidden_states_with_leading(given, [0])
    assert model.token_of(ALIGNMENT.query).tolist() == list(range(9))
