"""The adapter against direct use of the library, on random weights of every architecture at a reduced size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from multimolecule import RnaTokenizer

from harness.adapter import ModelOptions, Replacement
from harness.compute.batching import MemoryBudget
from harness.errors import HarnessError, InputError
from model_adapters.catalog.models import MODELS
from model_adapters.encoder.adapter import EncoderAdapter
from model_adapters.encoder.entry import Entry
from model_adapters.encoder.network import Network
from tests.model_adapters.conftest import reduced, sequences, upstream

LAYERS = [0, 1, 2, -1]


def adapter_of(entry: Entry, dtype: Any = "float32") -> EncoderAdapter:
    return EncoderAdapter(entry, ModelOptions(dtype=dtype), initialisation=0)


def network_of(adapter: EncoderAdapter) -> Network:
    adapter.load()
    assert adapter._network is not None
    return adapter._network


def upstream_outputs(entry: Entry, sequence: str, masked: list[int] | None = None) -> tuple[Any, int]:
    """The library's outputs for one sequence by its own tokenizer, and where the first nucleotide is."""
    inputs = RnaTokenizer()(sequence, return_tensors="pt")
    offset = 1
    if entry.name.startswith("rnabert"):
        padding = torch.zeros(1, 440 - len(sequence), dtype=torch.long)
        tokens = torch.cat([inputs["input_ids"][:, 1:-1], padding], dim=1)
        inputs, offset = {"input_ids": tokens, "attention_mask": torch.ones_like(tokens)}, 0
    for position in masked or []:
        inputs["input_ids"][0, position + offset] = RnaTokenizer().mask_token_id
    with torch.no_grad():
        outputs = upstream(entry)(**inputs, output_hidden_states=True, output_attentions=True)
    return outputs, offset


def test_hidden_states_are_the_librarys(entry: Entry) -> None:
    (sequence,) = sequences(57)
    outputs, offset = upstream_outputs(entry, sequence)
    ((index, states),) = adapter_of(entry).hidden_states([sequence], LAYERS)
    assert index == 0
    assert list(states) == LAYERS
    for layer, hidden in states.items():
        expected = outputs.hidden_states[layer][0, offset : offset + 57].numpy()
        assert hidden.dtype == np.float32
        np.testing.assert_allclose(hidden, expected, atol=1e-5)


def test_the_leading_token_comes_first_where_there_is_one(entry: Entry) -> None:
    if not entry.architecture.leading:
        pytest.skip("this architecture has no leading token")
    batch = sequences(57, 9, 33)
    found = dict(adapter_of(entry).hidden_states_with_leading(batch, LAYERS))
    plain = dict(adapter_of(entry).hidden_states(batch, LAYERS))
    for index, sequence in enumerate(batch):
        outputs, _ = upstream_outputs(entry, sequence)
        for layer in LAYERS:
            assert found[index][layer].shape == (1 + len(sequence), 32)
            expected = outputs.hidden_states[layer][0, : 1 + len(sequence)].numpy()
            np.testing.assert_allclose(found[index][layer], expected, atol=1e-5)
            np.testing.assert_array_equal(found[index][layer][1:], plain[index][layer])


def test_attention_is_the_librarys_one_layer_at_a_time(entry: Entry) -> None:
    (sequence,) = sequences(41)
    outputs, offset = upstream_outputs(entry, sequence)
    seen = []

    def visit(index: int, layer: int, maps: np.ndarray) -> None:
        seen.append((index, layer))
        assert maps.dtype == np.float32
        span = slice(offset, offset + 41)
        np.testing.assert_allclose(maps, outputs.attentions[layer - 1][0, :, span, span].numpy(), atol=1e-6)

    adapter_of(entry).visit_attention([sequence], visit)
    assert seen == [(0, 1), (0, 2), (0, 3)]


def test_log_probs_are_the_librarys_over_four_letters(entry: Entry) -> None:
    (sequence,) = sequences(33)
    masked = [0, 7, 32]
    outputs, offset = upstream_outputs(entry, sequence, masked)
    # RNABERT's pretraining class has three heads and names their outputs apart
    scores = outputs.logits_lm if entry.architecture_name == "rnabert" else outputs.logits
    logits = scores[0, [position + offset for position in masked]].double()
    four = torch.softmax(logits, -1)[:, RnaTokenizer().convert_tokens_to_ids(list("ACGU"))]
    ((_, values),) = adapter_of(entry).log_probs([sequence], [masked])
    np.testing.assert_allclose(values, (four / four.sum(-1, keepdim=True)).log().numpy(), atol=1e-5)
    np.testing.assert_allclose(np.exp(values).sum(-1), 1, atol=1e-6)


def test_unmasked_log_probs_are_the_librarys_over_four_letters(entry: Entry) -> None:
    (sequence,) = sequences(33)
    outputs, offset = upstream_outputs(entry, sequence)
    scores = outputs.logits_lm if entry.architecture_name == "rnabert" else outputs.logits
    four = torch.softmax(scores[0, offset : offset + 33].double(), -1)
    four = four[:, RnaTokenizer().convert_tokens_to_ids(list("ACGU"))]
    found = dict(adapter_of(entry).unmasked_log_probs([sequence[:9], sequence]))
    assert found[0].shape == (9, 4) and found[1].dtype == np.float32
    np.testing.assert_allclose(found[1], (four / four.sum(-1, keepdim=True)).log().numpy(), atol=1e-5)


def test_results_do_not_depend_on_the_batch(entry: Entry) -> None:
    batch = sequences(30, 61, 7, 100, 45)
    positions = [[1, 3], [], [0], [5, 99], [2]]
    adapter = adapter_of(entry)
    together, values = dict(adapter.hidden_states(batch, LAYERS)), dict(adapter.log_probs(batch, positions))
    maps = {}
    adapter.visit_attention(batch, lambda index, layer, array: maps.update({(index, layer): array.copy()}))
    assert len(maps) == 15
    for index, sequence in enumerate(batch):
        ((_, alone),) = adapter.hidden_states([sequence], LAYERS)
        for layer in LAYERS:
            assert together[index][layer].shape == (len(sequence), 32)
            np.testing.assert_allclose(alone[layer], together[index][layer], atol=1e-5)
        ((_, value),) = adapter.log_probs([sequence], [positions[index]])
        assert value.shape == (len(positions[index]), 4)
        np.testing.assert_allclose(value, values[index], atol=1e-5)
        adapter.visit_attention(
            [sequence],
            lambda _, layer, array, index=index: np.testing.assert_allclose(array, maps[index, layer], atol=1e-6),  # type: ignore[misc]
        )


def test_the_longest_sequence_fits_and_one_more_is_refused(entry: Entry) -> None:
    longest = entry.max_length
    adapter = adapter_of(reduced(entry.name, num_hidden_layers=1))
    ((_, states),) = adapter.hidden_states(["A" * longest], [1])
    assert states[1].shape == (longest, 32)
    assert np.isfinite(states[1]).all()
    with pytest.raises(InputError, match=f"takes at most {longest}"):
        adapter.hidden_states(["A" * (longest + 1)], [1])


def test_bfloat16_is_near_and_returned_as_float32(entry: Entry) -> None:
    batch, positions = sequences(40, 25), [[1], [2]]
    full, low = adapter_of(entry), adapter_of(entry, "bfloat16")
    expected = dict(full.hidden_states(batch, [3]))
    for index, states in low.hidden_states(batch, [3]):
        assert states[3].dtype == np.float32
        np.testing.assert_allclose(states[3], expected[index][3], atol=0.1)
    wide = next(low.hidden_states(batch, [3]))[1][3]
    assert any(not np.array_equal(wide, states[3]) for states in expected.values())
    for _, values in low.log_probs(batch, positions):
        assert values.dtype == np.float32
    low.visit_attention(batch, lambda index, layer, maps: np.testing.assert_equal(maps.dtype, np.float32))


def test_layers_above_the_highest_asked_for_are_not_run() -> None:
    adapter = adapter_of(reduced("rinalmo-micro"))
    network = network_of(adapter)
    run: list[int] = []
    for number, block in enumerate(network.blocks, start=1):
        block.register_forward_pre_hook(lambda module, arguments, number=number: run.append(number))
    list(adapter.hidden_states(["ACGU"], [1]))
    assert run == [1]
    list(adapter.hidden_states(["ACGU"], [0]))
    assert run == [1]
    list(adapter.hidden_states(["ACGU"], [3]))
    assert run == [1, 1, 2, 3]


def test_many_layers_of_a_batch_take_no_more_memory_than_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches hold fewer sequences, and the numbers stay."""
    adapter = adapter_of(reduced("rinalmo-micro"))
    network, given = network_of(adapter), sequences(57, 57, 57, 57)
    sizes: list[int] = []
    whole = dict(adapter.hidden_states(given, [0, 1, 2]))
    monkeypatch.setattr(
        "model_adapters.encoder.network.STATES_PER_BATCH", 3 * 120 * network.entry.config["hidden_size"]
    )
    network.encoder.register_forward_pre_hook(lambda module, arguments: sizes.append(len(arguments[0])))
    cut = dict(adapter.hidden_states(given, [0, 1, 2]))
    assert sizes == [2, 2]
    for index, states in whole.items():
        for layer, own in states.items():
            np.testing.assert_allclose(cut[index][layer], own, atol=1e-5)
    sizes.clear()
    list(adapter.hidden_states(given, [2]))
    assert sizes == [4]


def test_nothing_asked_for_yields_nothing() -> None:
    adapter = adapter_of(reduced("rinalmo-micro"))
    assert list(adapter.hidden_states([], [1])) == []
    assert list(adapter.hidden_states(["ACGU"], [])) == []
    assert list(adapter.log_probs([], [])) == []


def test_every_nucleotide_has_its_token_and_foreign_letters_are_refused() -> None:
    adapter = adapter_of(reduced("rinalmo-micro"))
    network = network_of(adapter)
    tokens, visible = network._tokens([network.reader.read("ACGUN"), network.reader.read("AC")], None)
    tokenizer = RnaTokenizer()
    expected = tokenizer(["ACGUN", "AC"], return_tensors="pt", padding=True)
    assert torch.equal(tokens, expected["input_ids"])
    assert torch.equal(visible, expected["attention_mask"])
    assert tokenizer.unk_token_id not in tokens
    for letter in "Tax-*é€":
        with pytest.raises(InputError, match="is not one of A C G U N") as raised:
            list(adapter.hidden_states([f"AC{letter}"], [1]))
        assert repr(letter) in str(raised.value)


def test_memory_that_runs_out_changes_nothing() -> None:
    batch, positions = sequences(30, 61, 7, 100, 45), [[1], [2], [3], [4], [5]]
    adapter = adapter_of(reduced("rnafm"))
    network = network_of(adapter)
    expected, values = dict(adapter.hidden_states(batch, [3])), dict(adapter.log_probs(batch, positions))

    def starve(module: Any, arguments: Any) -> None:
        if arguments[0].shape[0] > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")

    network.blocks[1].register_forward_pre_hook(starve)  # the first layer's maps are seen before memory runs out
    for index, states in adapter.hidden_states(batch, [3]):
        np.testing.assert_allclose(states[3], expected.pop(index)[3], atol=1e-5)
    for index, value in adapter.log_probs(batch, positions):
        np.testing.assert_allclose(value, values.pop(index), atol=1e-5)
    assert not expected
    assert not values
    visits: list[tuple[int, int]] = []
    adapter.visit_attention(batch, lambda index, layer, maps: visits.append((index, layer)))
    assert sorted(visits) == [(index, layer) for index in range(5) for layer in (1, 2, 3)]


def test_errors_of_the_caller_come_back_as_they_are() -> None:
    adapter = adapter_of(reduced("rinalmo-micro"))
    calls = []

    def visit(index: int, layer: int, maps: np.ndarray) -> None:
        calls.append(index)
        raise MemoryError("the caller's own")

    with pytest.raises(MemoryError, match="the caller's own"):
        adapter.visit_attention(["ACGU", "ACGU"], visit)
    assert len(calls) == 1
    with pytest.raises(ValueError, match="a replacement of shape"):
        list(adapter.log_probs(["ACGU"], [[1]], Replacement(1, lambda index, hidden: hidden[:2])))
    assert len(dict(adapter.hidden_states(["ACGU"], [1]))) == 1  # no hook stays behind


def test_attention_that_is_none_is_an_error() -> None:
    adapter = adapter_of(reduced("rinalmo-micro"))
    module = network_of(adapter).attentions[1]
    forward = module.forward
    module.forward = lambda *arguments, **named: (forward(*arguments, **named)[0], None)
    with pytest.raises(HarnessError, match="no attention maps"):
        adapter.visit_attention(["ACGU"], lambda *_: None)


def test_positions_outside_the_sequence_are_refused() -> None:
    adapter = adapter_of(reduced("rinalmo-micro"))
    for position in (-1, 4):
        with pytest.raises(InputError, match="sequence 0 has 4 nt"):
            list(adapter.log_probs(["ACGU"], [[position]]))


def test_replacing_a_hidden_state_by_itself_changes_nothing(entry: Entry) -> None:
    batch, positions = sequences(20, 31), [[1, 5], [0]]
    adapter = adapter_of(entry)
    expected = dict(adapter.log_probs(batch, positions))
    for layer in (0, 1, 3, -1):
        shapes: dict[int, Any] = {}

        def same(index: int, hidden: np.ndarray, shapes: dict[int, Any] = shapes) -> np.ndarray:
            shapes[index] = hidden.shape
            return hidden

        for index, values in adapter.log_probs(batch, positions, Replacement(layer, same)):
            np.testing.assert_allclose(values, expected[index], atol=1e-6)
        assert shapes == {0: (20, 32), 1: (31, 32)}


def test_a_replaced_layer_is_what_the_rest_of_the_network_sees() -> None:
    """RNABERT has no masking and no tokens of its own, so that the rest can be run by hand."""
    entry = reduced("rnabert")
    adapter = adapter_of(entry)
    replaced = np.random.default_rng(0).normal(size=(440, 32)).astype(np.float32)
    ((_, values),) = adapter.log_probs(["A" * 440], [[3, 9]], Replacement(1, lambda index, hidden: replaced))
    model = upstream(entry)
    with torch.no_grad():
        hidden = torch.from_numpy(replaced)[None]
        for block in model.model.encoder.layer[1:]:
            hidden = block(hidden)
        logits = model.lm_head({"last_hidden_state": hidden}).logits[0, [3, 9], 6:10]
    np.testing.assert_allclose(values, logits.log_softmax(-1).numpy(), atol=1e-5)


def test_special_tokens_keep_their_own_hidden_states() -> None:
    adapter = adapter_of(reduced("rinalmo-micro"))
    network = network_of(adapter)
    before: list[torch.Tensor] = []
    network.blocks[1].register_forward_pre_hook(lambda module, arguments: before.append(arguments[0].clone()))
    list(adapter.log_probs(["ACGUA"], [[1]]))
    list(adapter.log_probs(["ACGUA"], [[1]], Replacement(1, lambda index, hidden: np.zeros_like(hidden))))
    plain, replaced = before
    assert torch.equal(replaced[0, [0, -1]], plain[0, [0, -1]])
    assert not replaced[0, 1:-1].any()


def test_rnabert_is_what_its_authors_code_returns(weights_folder: Path) -> None:
    folder = weights_folder / "rnabert"
    if not (folder / "reference_last_hidden.npz").is_file():
        pytest.skip("the official RNABERT weights and outputs are not in $HARNESS_WEIGHTS/rnabert")
    named = json.loads((folder / "reference_sequences.json").read_text())
    reference = np.load(folder / "reference_last_hidden.npz")
    names = list(named)
    adapter = MODELS["rnabert"](ModelOptions(weights=folder))
    for index, states in adapter.hidden_states([named[name] for name in names], [-1]):
        np.testing.assert_allclose(states[-1], reference[f"{names[index]}_pad440"], atol=1e-4)


def test_devices_that_are_not_there() -> None:
    for device, problem in [("cpuu", "is not a device"), ("meta", "is not a device"), ("cuda:99", "use --device cpu")]:
        with pytest.raises(HarnessError, match=problem):
            adapter_of(reduced("rinalmo-micro")).load(device)


def test_batches_shrink_with_the_free_memory_and_the_numbers_stay() -> None:
    adapter, given, sizes = adapter_of(reduced("rnafm")), sequences(60, 60, 60, 60), []
    network = network_of(adapter)
    network.encoder.register_forward_pre_hook(lambda module, arguments: sizes.append(len(arguments[0])))
    expected, maps = dict(adapter.hidden_states(given, [3])), {}
    adapter.visit_attention(given, lambda index, layer, found: maps.update({(index, layer): found.copy()}))
    assert sizes == [4, 4]
    for each, run in (
        (network._bytes_per_token(1, 61) * 61, lambda: dict(adapter.hidden_states(given, [3]))),
        (network._bytes_per_cell(61) * 61**2, lambda: adapter.visit_attention(given, compare)),
    ):

        def compare(index: int, layer: int, found: np.ndarray) -> None:
            np.testing.assert_allclose(found, maps[index, layer], atol=1e-5)

        sizes.clear()
        network._memory = MemoryBudget(lambda each=each: 2 * 2 * each)  # half of what is free is room for two
        found = run()
        assert sizes == [2, 2]
        for index, states in (found or {}).items():
            np.testing.assert_allclose(states[3], expected[index][3], atol=1e-5)


def test_a_sequence_that_does_not_fit_alone_is_one_line() -> None:
    adapter = adapter_of(reduced("rnafm"))

    def starve(module: Any, arguments: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nGPU 0 has")

    network_of(adapter).blocks[0].register_forward_pre_hook(starve)
    with pytest.raises(HarnessError, match=r"rnafm has no memory left on cpu for one sequence of up to 61 nt: lower"):
        list(adapter.hidden_states(sequences(61, 30), [1]))


def test_weights_that_do_not_fit_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def starve(*arguments: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")

    monkeypatch.setattr(torch.nn.Module, "to", starve)
    with pytest.raises(HarnessError, match=r"^the weights of rnafm do not fit into the memory of cpu$"):
        adapter_of(reduced("rnafm")).load()
