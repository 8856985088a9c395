"""Every tokenisation against direct use of the library, with nucleotide coordinates by plain loops."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.adapter import ModelOptions
from harness.errors import InputError, NotApplicable
from model_adapters.encoder.adapter import EncoderAdapter
from tests.model_adapters.encoder.token_models import (
    MODELS,
    adapter_of,
    entry_of,
    spans_by_hand,
    upstream_outputs,
    upstream_tokens,
)

RNA = "GGAUCCGUAGCAACGUUUAGCUAGGCAUCG"  # 30 nt: ten codons, five 6-mers
ATTENTIVE = [name for name in MODELS if name != "hyenadna"]
MASKED = ["dnabert-3mer", "dnabert-6mer", "utrbert-3mer", "utrbert-4mer", "calm", "nucleotide-transformer"]


def sequence_of(name: str) -> str:
    return "MKVLAAGIXWWTRSED" if name == "esm2" else RNA if name == "calm" else RNA + "AC"


def golden(name: str, folder: Path) -> tuple[str, list[int], list[tuple[int, int]], int]:
    """A sequence, its tokens by the library, what each covers, and how many special tokens lead."""
    sequence = sequence_of(name)
    ids, texts = upstream_tokens(name, sequence, folder)
    return sequence, ids, spans_by_hand(name, texts), len(entry_of(name).architecture.leading)


def covering(spans: list[tuple[int, int]], nucleotide: int) -> list[int]:
    return [token for token, (start, end) in enumerate(spans) if start <= nucleotide < end]


@pytest.mark.parametrize("name", MODELS)
def test_hidden_states_of_a_nucleotide_are_the_mean_of_its_tokens(name: str, tmp_path: Path) -> None:
    sequence, ids, spans, first = golden(name, tmp_path)
    assert spans[-1][1] == len(sequence)
    outputs = upstream_outputs(name, ids)
    adapter = adapter_of(name)
    ((_, states),) = adapter.hidden_states([sequence], [0, 1, 2, -1])
    for layer in (0, 1, 2, -1):
        # HyenaDNA's library lists the last block before its norm, too
        hidden = outputs.hidden_states[layer if (name, layer) != ("hyenadna", 2) else -1][0].numpy()
        assert states[layer].dtype == np.float32
        for nucleotide in range(len(sequence)):
            tokens = covering(spans, nucleotide)
            expected = sum(hidden[first + token] for token in tokens) / len(tokens)
            np.testing.assert_allclose(states[layer][nucleotide], expected, atol=1e-5)
    if first:
        ((_, leading),) = adapter.hidden_states_with_leading([sequence], [1])
        np.testing.assert_allclose(leading[1][0], outputs.hidden_states[1][0, 0].numpy(), atol=1e-5)
        np.testing.assert_array_equal(leading[1][1:], states[1])


@pytest.mark.parametrize("name", ATTENTIVE)
def test_attention_between_nucleotides_and_its_row_sums(name: str, tmp_path: Path) -> None:
    sequence, ids, spans, first = golden(name, tmp_path)
    outputs = upstream_outputs(name, ids)
    adapter = adapter_of(name)
    length, special = len(sequence), len(ids) - len(spans)
    shares = [
        [1 / len(covering(spans, i)) if t in covering(spans, i) else 0 for i in range(length)]
        for t in range(len(spans))
    ]
    totals = [sum(row) for row in shares]
    found: dict[int, Any] = {}
    adapter.visit_attention([sequence], lambda index, layer, maps: found.update({layer: maps.copy()}))
    assert sorted(found) == [1, 2]
    for layer, maps in found.items():
        upstream = outputs.attentions[layer - 1][0].double().numpy()
        assert maps.shape == (4, length, length) and maps.dtype == np.float32
        for i in range(length):
            for j in range(length):
                expected = sum(
                    upstream[:, first + s, first + t] * shares[s][i] * shares[t][j] / totals[t]
                    for s in covering(spans, i)
                    for t in covering(spans, j)
                )
                np.testing.assert_allclose(maps[:, i, j], expected, atol=1e-6)

    def rows_sum_to_one(index: int, layer: int, maps: Any) -> None:
        assert maps.shape == (4, length, length + special)
        np.testing.assert_array_equal(maps[..., :length], found[layer])
        np.testing.assert_allclose(maps.sum(axis=-1), 1, atol=1e-5)
        assert (maps[..., length:].sum(axis=-1) > 0.01).all()

    adapter.visit_attention_with_special([sequence], rows_sum_to_one)


@pytest.mark.parametrize("name", MASKED)
def test_masked_probabilities_are_means_of_marginals(name: str, tmp_path: Path) -> None:
    sequence, ids, spans, first = golden(name, tmp_path)
    _, vocabulary = upstream_tokens(name, sequence, tmp_path)
    adapter = adapter_of(name)
    positions = [0, 4, 5, len(sequence) - 1]
    mask = 2 if name == "nucleotide-transformer" else 4
    masked = list(ids)
    for position in positions:
        for token in covering(spans, position):
            masked[first + token] = mask
    logits = upstream_outputs(name, masked).logits[0].double()
    texts = texts_of(name)
    ((_, values),) = adapter.log_probs([sequence], [positions])
    assert values.shape == (4, 4) and values.dtype == np.float32
    for row, position in enumerate(positions):
        total = dict.fromkeys("ACGU", 0.0)
        for token in covering(spans, position):
            probabilities = logits[first + token].softmax(-1).tolist()
            start, end = spans[token]
            for number, text in enumerate(texts):
                if len(text) == end - start and not text.startswith("<"):
                    letter = text[position - start].replace("T", "U")
                    if letter in total:
                        total[letter] += probabilities[number]
        for column, base in enumerate("ACGU"):
            assert values[row, column] == pytest.approx(math.log(total[base] / sum(total.values())), abs=1e-5)
    assert len(vocabulary) == len(ids)


def texts_of(name: str) -> list[str]:
    import multimolecule

    from tests.model_adapters.encoder.token_models import authors_vocabulary

    if name == "nucleotide-transformer":
        return authors_vocabulary(name)
    tokenizer: Any = (
        multimolecule.RnaTokenizer(nmers=int(name[8]))
        if name.startswith("utrbert")
        else multimolecule.DnaTokenizer(codon=True)
        if name == "calm"
        else multimolecule.DnaTokenizer(nmers=int(name[8]), alphabet="nucleobase")
    )
    return [tokenizer.convert_ids_to_tokens(number) for number in range(len(tokenizer))]


def test_causal_probabilities_look_only_back(tmp_path: Path) -> None:
    sequence, ids, _, _ = golden("hyenadna", tmp_path)
    logits = upstream_outputs("hyenadna", ids).logits[0].double()
    adapter = adapter_of("hyenadna")
    assert adapter.card.capabilities == {"hidden_states", "causal_log_probs"}
    assert adapter.card.heads is None and adapter.attention_kernel is None
    ((_, values),) = adapter.causal_log_probs([sequence])
    np.testing.assert_allclose(values[0], math.log(1 / 4), atol=1e-6)
    for i in range(1, len(sequence)):
        np.testing.assert_allclose(values[i], logits[i - 1, 6:10].log_softmax(-1), atol=1e-5)
    changed = sequence[:20] + "A" * (len(sequence) - 20)
    ((_, others),) = adapter.causal_log_probs([changed])
    np.testing.assert_allclose(others[:21], values[:21], atol=1e-5)
    assert np.abs(others[21:] - values[21:]).max() > 1e-4
    together = dict(adapter.causal_log_probs([sequence, "A", sequence * 2]))
    np.testing.assert_allclose(together[0], values, atol=1e-5)
    assert together[1].shape == (1, 4) and together[2].shape == (2 * len(sequence), 4)
    with pytest.raises(NotApplicable, match="has no attention"):
        adapter.visit_attention([sequence], lambda *_: None)
    with pytest.raises(NotApplicable, match="has no log probs"):
        adapter.log_probs([sequence], [[0]])


def test_a_leading_token_predicts_the_first_nucleotide() -> None:
    import torch

    entry = entry_of("hyenadna")
    architecture = entry.architecture.model_copy(update={"leading": ("<cls>",)})
    adapter = EncoderAdapter(entry.model_copy(update={"architecture": architecture}), ModelOptions(), 0)
    ((_, values),) = adapter.causal_log_probs(["ACGU"])
    logits = upstream_outputs("hyenadna", [1, 6, 7, 8, 9]).logits[0, :4, 6:10]
    np.testing.assert_allclose(values, torch.log_softmax(logits, -1).numpy(), atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_results_do_not_depend_on_the_batch(name: str) -> None:
    whole = sequence_of(name)
    batch = [whole, whole[:12], whole[3:] + whole[:9]]
    adapter = adapter_of(name)
    together = dict(adapter.hidden_states(batch, [1, -1]))
    for index, sequence in enumerate(batch):
        ((_, alone),) = adapter.hidden_states([sequence], [1, -1])
        for layer, states in alone.items():
            np.testing.assert_allclose(states, together[index][layer], atol=1e-5)
    if name in MASKED:
        positions = [[0, 7], [], [3]]
        values = dict(adapter.log_probs(batch, positions))
        assert values[1].shape == (0, 4)
        ((_, one),) = adapter.log_probs([batch[2]], [positions[2]])
        np.testing.assert_allclose(one, values[2], atol=1e-5)


@pytest.mark.parametrize("name", ["dnabert2", "dnaberts", "esm2"])
def test_tokens_without_probabilities_of_nucleotides(name: str) -> None:
    adapter = adapter_of(name)
    assert not adapter.card.capabilities & {"log_probs", "replace_hidden", "causal_log_probs"}
    with pytest.raises(NotApplicable, match="has no log probs"):
        adapter.log_probs([sequence_of(name)], [[0]])


@pytest.mark.parametrize(("name", "length"), [("dnabert-6mer", 5), ("utrbert-3mer", 2), ("calm", 31), ("calm", 121)])
def test_lengths_that_tokens_cannot_make(name: str, length: int) -> None:
    adapter = adapter_of(name)
    rule = adapter.card.broken_length_rule(length)
    assert rule is not None and adapter.card.broken_length_rule(6) is None
    with pytest.raises(InputError, match=f"sequence 1 has {length} nt; {name}:random takes {rule}"):
        adapter.hidden_states(["ACGUAC", "A" * length], [0])


def test_positions_run_out_before_letters_do() -> None:
    adapter = adapter_of("nucleotide-transformer")
    list(adapter.hidden_states(["ACGUAC" * 20], [0]))
    with pytest.raises(InputError, match="with N makes 41 tokens, but nucleotide-transformer takes 32"):
        list(adapter.hidden_states(["NACGUN" * 6 + "ACGU"], [0]))
