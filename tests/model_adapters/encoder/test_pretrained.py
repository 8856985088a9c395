"""Folders that transformers saved, against plain use of transformers: every architecture, odd vocabularies."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import transformers

from harness.adapter import ModelOptions
from harness.conformance import check
from harness.errors import InputError
from harness.registry import Registry
from model_adapters.encoder.architectures import KNOWN
from model_adapters.encoder.pretrained import from_folder
from tests.model_adapters.encoder.saved_models import (
    BERT_LETTERS,
    CAUSAL,
    KMERS,
    MASKED,
    RNA,
    SAVED,
    covering,
    numbers_by_hand,
    outputs,
    save_bert_tokenizer,
    save_byte_pairs,
    save_esm_tokenizer,
    save_letters,
    save_model,
    saved,
)


def test_every_known_architecture_is_tried_here() -> None:
    assert {name.partition("-")[0] for name in SAVED} == set(KNOWN)


@pytest.mark.parametrize("name", SAVED)
def test_hidden_states_and_attention_are_those_of_transformers(name: str, tmp_path: Path) -> None:
    own, model = saved(name, tmp_path)
    expected = outputs(model, numbers_by_hand(own, RNA))
    adapter = from_folder("own", tmp_path)(ModelOptions())
    ((_, states),) = adapter.hidden_states([RNA], [0, 1, 2, -1])
    for layer in (0, 1, 2, -1):
        hidden = expected.hidden_states[layer][0].numpy()
        for place in range(len(RNA)):
            mean = np.mean([hidden[token] for token in covering(own, place, len(RNA))], axis=0)
            np.testing.assert_allclose(states[layer][place], mean, atol=1e-5)
    maps: dict[int, Any] = {}
    adapter.visit_attention([RNA], lambda index, layer, found: maps.update({layer: found.copy()}))
    assert sorted(maps) == [1, 2]
    shares = [[t in covering(own, i, len(RNA)) for t in range(len(expected.attentions[0][0, 0]))] for i in range(32)]
    coverage = np.array(shares) / np.sum(shares, axis=1, keepdims=True)
    totals = np.where(coverage.sum(axis=0) > 0, coverage.sum(axis=0), 1)
    for layer, found in maps.items():
        upstream = expected.attentions[layer - 1][0].numpy()
        np.testing.assert_allclose(found, coverage @ upstream @ (coverage / totals).T, atol=1e-5)


@pytest.mark.parametrize("name", MASKED)
def test_masked_probabilities_are_those_of_transformers(name: str, tmp_path: Path) -> None:
    own, model = saved(name, tmp_path)
    positions = [0, 7, 8, len(RNA) - 1]
    found = outputs(model, numbers_by_hand(own, RNA, masked=positions))
    logits = (found.prediction_logits if own.model_class == "BertForPreTraining" else found.logits)[0].double()
    ((_, values),) = from_folder("own", tmp_path)(ModelOptions()).log_probs([RNA], [positions])
    for row, position in zip(values, positions, strict=True):
        totals = dict.fromkeys(own.written, 0.0)
        for token in covering(own, position, len(RNA)):
            place = position - (token - len(own.leading))
            for number, probability in enumerate(logits[token].softmax(-1).tolist()):
                text = own.vocabulary[number]
                if len(text) == own.k and text[place] in totals:
                    totals[text[place]] += probability
        whole = sum(totals.values())
        np.testing.assert_allclose(row, [math.log(value / whole) for value in totals.values()], atol=1e-5)


@pytest.mark.parametrize("name", CAUSAL)
def test_causal_probabilities_are_those_of_transformers(name: str, tmp_path: Path) -> None:
    own, model = saved(name, tmp_path)
    logits = outputs(model, numbers_by_hand(own, RNA)).logits[0].double()
    bases = [list(own.vocabulary).index(letter) for letter in own.written]
    ((_, values),) = from_folder("own", tmp_path)(ModelOptions()).causal_log_probs([RNA])
    for place in range(len(RNA)):
        before = place + len(own.leading) - 1
        expected = logits[before, bases].log_softmax(-1).numpy() if before >= 0 else np.full(4, -math.log(4))
        np.testing.assert_allclose(values[place], expected, atol=1e-5)


@pytest.mark.parametrize("name", ["bert", "bert-3mer", "roberta", "gpt2"])
def test_every_law_holds_of_the_model_and_its_twin(name: str, tmp_path: Path) -> None:
    saved(name, tmp_path)
    make = from_folder("own", tmp_path)
    for factory in (make, lambda options: make(options).random_twin()):
        assert [verdict for verdict in check(factory) if verdict.outcome == "fail"] == []


@pytest.mark.parametrize("name", ["bert", "bert-list", "esm", "roberta", "gpt2", "gpt_neox"])
def test_tokens_are_those_of_the_folders_own_tokenizer(name: str, tmp_path: Path) -> None:
    own, _ = saved(name, tmp_path)
    text = "".join(own.written["ACGU".index(letter)] for letter in RNA)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    spaced = " ".join(text) if own.kind == "Bert" else text
    assert tokenizer(spaced)["input_ids"] == numbers_by_hand(own, RNA)


def test_pieces_are_cut_by_the_folders_own_tokenizer(tmp_path: Path) -> None:
    vocabulary = save_byte_pairs(tmp_path)
    model = save_model(tmp_path, "Bert", "BertForMaskedLM", vocabulary)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    numbers = tokenizer(RNA.replace("U", "T"))["input_ids"]
    adapter = from_folder("own", tmp_path)(ModelOptions())
    assert adapter.card.resolution == "BPE" and "log_probs" not in adapter.card.capabilities
    ((_, states),) = adapter.hidden_states([RNA], [2])
    hidden = outputs(model, numbers).hidden_states[2][0].numpy()
    widths = [0, *(len(vocabulary[number]) for number in numbers[1:-1]), 0]
    assert sum(widths) == len(RNA) and max(widths) > 1
    np.testing.assert_allclose(states[2], np.repeat(hidden, widths, axis=0), atol=1e-5)
    assert len(set(adapter.token_of(RNA).tolist())) == len(numbers) - 2


def test_a_classifier_is_read_without_its_heads(tmp_path: Path) -> None:
    save_bert_tokenizer(tmp_path, BERT_LETTERS)
    model = save_model(tmp_path, "Bert", "BertForSequenceClassification", BERT_LETTERS)
    adapter = from_folder("own", tmp_path)(ModelOptions())
    assert adapter.card.capabilities == {"hidden_states", "attention", "leading"}
    ((_, states),) = adapter.hidden_states([RNA], [-1])
    expected = outputs(model, numbers_by_hand(SAVED["bert"], RNA)).hidden_states[-1][0, 1:-1].numpy()
    np.testing.assert_allclose(states[-1], expected, atol=1e-5)


def test_identity_covers_weights_configuration_and_tokenizer(tmp_path: Path) -> None:
    saved("bert", tmp_path)
    make = from_folder("own", tmp_path)

    def identities() -> tuple[str, str]:
        adapter = make(ModelOptions())
        return adapter.identity(), adapter.random_twin().identity()

    first = identities()
    assert first == identities() and len(set(first)) == 2
    moved = tmp_path.parent / "moved"
    tmp_path.rename(moved)
    assert (from_folder("another", moved)(ModelOptions()).identity()) == first[0]
    moved.rename(tmp_path)
    save_model(tmp_path, "Bert", "BertForMaskedLM", BERT_LETTERS, seed=1)
    weights = identities()
    assert weights[0] != first[0] and weights[1] == first[1]
    save_model(tmp_path, "Bert", "BertForMaskedLM", BERT_LETTERS, seed=1, layer_norm_eps=1e-3)
    config = identities()
    assert config[0] != weights[0] and config[1] != weights[1]
    save_bert_tokenizer(tmp_path, [*BERT_LETTERS[2:], *BERT_LETTERS[:2]])
    assert not set(identities()) & set(config)


def test_weights_of_another_folder_come_with_their_tokenizer(tmp_path: Path) -> None:
    saved("bert", tmp_path / "one")
    saved("esm", tmp_path / "other")
    make = from_folder("own", tmp_path / "one")
    other = make(ModelOptions(weights=tmp_path / "other"))
    assert other.identity() == from_folder("own", tmp_path / "other")(ModelOptions()).identity()


def test_a_folder_without_weights_has_a_twin_and_says_what_is_missing(tmp_path: Path) -> None:
    saved("bert", tmp_path)
    (tmp_path / "model.safetensors").unlink()
    adapter = from_folder("own", tmp_path)(ModelOptions())
    assert not adapter.available() and adapter.random_twin().available()
    ((_, states),) = adapter.random_twin().hidden_states([RNA], [0])
    assert states[0].shape == (32, 32)
    with pytest.raises(InputError, match=r"contains no \.safetensors file"):
        adapter.load()


def test_n_is_refused_where_the_vocabulary_has_no_token_for_it(tmp_path: Path) -> None:
    letters = ("<s>", "C", "A", "<pad>", "U", "G")
    save_letters(tmp_path, letters)
    save_model(tmp_path, "GPT2", "GPT2LMHeadModel", letters)
    make = from_folder("own", tmp_path)
    assert "N is refused: its vocabulary has no token for it" in make(ModelOptions()).card.quirks
    with pytest.raises(InputError, match="'N' is not one of A C G U"):
        list(make(ModelOptions()).hidden_states(["ACGN"], [0]))
    assert [verdict for verdict in check(make) if verdict.outcome == "fail"] == []


def test_a_plugin_of_two_lines_is_found_by_its_name(tmp_path: Path) -> None:
    saved("bert", tmp_path / "model")
    plugin = tmp_path / "plugin.py"
    plugin.write_text(
        "from model_adapters.encoder.pretrained import from_folder\n"
        f"MODELS = {{'my-bert': from_folder('my-bert', {str(tmp_path / 'model')!r}, corpus='my RNAs')}}\n"
    )
    registry = Registry.discover([plugin])
    assert registry.model("my-bert").card.corpus == "my RNAs"
    twin = registry.model("my-bert:random")
    assert twin.card.role == "floor" and twin.card.name == "my-bert:random"


def spoil(name: str, folder: Path) -> dict[str, Any]:
    """A folder with one fault; returns what a plugin states of it."""
    if name == "both letters":
        letters = (*BERT_LETTERS, "T")
        save_bert_tokenizer(folder, letters)
        save_model(folder, "Bert", "BertForMaskedLM", letters)
        return {}
    saved("bert", folder)
    config = json.loads((folder / "config.json").read_text())
    match name:
        case "larger vocabulary":
            save_bert_tokenizer(folder, [*BERT_LETTERS, "R", "Y"])
        case "smaller vocabulary":
            save_model(folder, "Bert", "BertForMaskedLM", [*BERT_LETTERS, "N"])
            return {}
        case "smaller embedding":
            config["vocab_size"] = 7
        case "no tokenizer":
            (folder / "tokenizer.json").unlink()
        case "other letters":
            save_bert_tokenizer(folder, [token if token != "U" else "V" for token in BERT_LETTERS])
        case "unknown architecture":
            config["model_type"] = "deberta"
        case "no class":
            del config["architectures"]
        case "decoder":
            config["is_decoder"] = True
        case "list without class":
            (folder / "tokenizer.json").unlink()
            (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "MyTokenizer"}')
            (folder / "vocab.txt").write_text("\n".join(BERT_LETTERS))
        case "stated leading":
            return {"leading": ["<start>"]}
        case "stated tokens":
            return {"tokens": "overlapping 3-mer"}
        case "stated paths":
            return {"paths": {"norm": "bert.norm"}}
        case "stated card":
            return {"corpus": 5}
        case "no folder":
            (folder / "config.json").unlink()
            return {}
    (folder / "config.json").write_text(json.dumps(config))
    return {}


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("both letters", "both T and U: state letters="),
        ("larger vocabulary", "has 11 tokens and the model's embedding 9 rows"),
        ("smaller vocabulary", "has 9 tokens and the model's embedding 10 rows"),
        ("smaller embedding", "has 9 tokens and the model's embedding 7 rows"),
        ("no tokenizer", "neither tokenizer.json nor vocab.txt"),
        ("other letters", "neither the letters A C G U or A C G T nor all k-mers"),
        ("unknown architecture", "deberta model, which is not one of bert, .*: state its parts .* paths="),
        ("no class", "names no class under architectures: state it .* paths="),
        ("decoder", "a bert decoder"),
        ("list without class", "state them in the plugin, such as leading="),
        ("stated leading", "leading token '<start>' is not in the vocabulary"),
        ("stated tokens", "does not fit the vocabulary .*, which can be read as 'single nucleotide'"),
        ("stated paths", "paths: norm: Extra inputs are not permitted"),
        ("stated card", "corpus: Input should be a valid string"),
        ("no folder", "contains no config.json"),
    ],
)
def test_what_cannot_be_settled_is_one_line_that_names_the_argument(fault: str, message: str, tmp_path: Path) -> None:
    stated = spoil(fault, tmp_path)
    with pytest.raises(InputError, match=message) as error:
        from_folder("own", tmp_path, **stated)(ModelOptions())
    assert "\n" not in str(error.value)


def test_what_is_stated_goes_before_what_is_found(tmp_path: Path) -> None:
    spoil("both letters", tmp_path / "both")
    dna = from_folder("own", tmp_path / "both", letters="DNA", leading=[], trailing=[], max_length=20)(ModelOptions())
    number = (*BERT_LETTERS, "T").index
    assert dna.card.max_length == 20 and "leading" not in dna.card.capabilities
    assert dna._reader.read("AUG").ids.tolist() == [number("A"), number("T"), number("G")]
    saved("bert-3mer", tmp_path / "codons")
    codons = from_folder("own", tmp_path / "codons", tokens="codon")(ModelOptions())
    assert codons.card.length_multiple == 3 and codons.card.max_length == 62 * 3
    assert codons._reader.read("AUGCCC").ids.tolist() == [KMERS.index("ATG"), KMERS.index("CCC")]


def test_an_architecture_that_is_not_known_runs_from_its_stated_parts(tmp_path: Path) -> None:
    names = {"num_labels": 2, "dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 48}
    save_bert_tokenizer(tmp_path, BERT_LETTERS)
    model = save_model(tmp_path, "DistilBert", "DistilBertForMaskedLM", BERT_LETTERS, **names)
    config = json.loads((tmp_path / "config.json").read_text())
    config |= {"num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 32}
    (tmp_path / "config.json").write_text(json.dumps(config))
    parts = {
        "config_class": "DistilBertConfig",
        "encoder": "distilbert",
        "embeddings": "distilbert.embeddings",
        "blocks": "distilbert.transformer.layer",
        "attention": "attention",
        "lm_head": "vocab_transform activation vocab_layer_norm vocab_projector",
    }
    adapter = from_folder("own", tmp_path, paths=parts)(ModelOptions())
    numbers = numbers_by_hand(SAVED["bert"], RNA, masked=[4])
    ((_, values),) = adapter.log_probs([RNA], [[4]])
    logits = outputs(model, numbers).logits[0, 5].double()
    bases = [BERT_LETTERS.index(letter) for letter in "ACGU"]
    np.testing.assert_allclose(values[0], logits[bases].log_softmax(-1).numpy(), atol=1e-5)


def test_a_sequence_that_the_tokenizer_reads_as_one_unknown_word_is_refused(tmp_path: Path) -> None:
    pieces = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *"ACGT",
        *(f"##{letter}" for letter in "ACGT"),
        "##AC",
        "CG",
    ]
    save_bert_tokenizer(tmp_path, pieces)
    save_model(tmp_path, "Bert", "BertForMaskedLM", pieces, max_position_embeddings=200)
    adapter = from_folder("own", tmp_path)(ModelOptions())
    assert adapter.card.tokenisation == "byte pair"
    ((_, states),) = adapter.hidden_states(["CGAC" * 25], [0])
    assert len(states[0]) == 100
    with pytest.raises(InputError, match=r"reads CGACCGACCGAC… as \[UNK\]"):  # words of more than 100 letters
        list(adapter.hidden_states(["CGAC" * 26], [0]))


def test_a_vocabulary_of_any_text_is_read_once_its_letters_are_stated(tmp_path: Path) -> None:
    amino_acids = ("<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPNKQYFMHWCXBUZO", "<mask>")
    save_esm_tokenizer(tmp_path, amino_acids)
    save_model(tmp_path, "Esm", "EsmForMaskedLM", amino_acids)
    assert from_folder("own", tmp_path)(ModelOptions()).card.alphabet == "protein"
    rna = from_folder("own", tmp_path, letters="RNA")(ModelOptions())
    assert rna.card.alphabet == "nucleotide" and "log_probs" in rna.card.capabilities
    assert rna._reader.read("ACGUN").ids.tolist() == [amino_acids.index(letter) for letter in "ACGUN"]
