"""Readers against the libraries' own tokenizers, and the laws of coverage."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from harness.adapter import ModelOptions
from harness.errors import HarnessError, InputError
from model_adapters.encoder.adapter import EncoderAdapter
from model_adapters.encoder.entry import STAND_IN, Entry, Tokens
from model_adapters.encoder.tokens import token_reader
from tests.model_adapters.encoder.token_models import (
    MODELS,
    authors_vocabulary,
    entry_of,
    spans_by_hand,
    upstream_tokens,
)

NUCLEOTIDE = [name for name in MODELS if name != "esm2"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("vocabulary")


def random_sequence(letters: str, length: int) -> str:
    return "".join(np.random.default_rng(length).choice(list(letters), length))


@pytest.mark.parametrize("name", MODELS)
def test_tokens_are_the_librarys(name: str, folder: Path) -> None:
    entry = entry_of(name)
    special = (len(entry.architecture.leading), len(entry.architecture.trailing))
    for length in (6, 30, 117):
        sequence = random_sequence("MKVLAXW" if name == "esm2" else "ACGU", length)
        ids, texts = upstream_tokens(name, sequence, folder)
        pieces = token_reader(entry, None).read(sequence)
        assert pieces.ids.tolist() == ids[special[0] : len(ids) - special[1]]
        spans = np.stack([pieces.starts, pieces.ends], axis=1)
        assert [tuple(span) for span in spans.tolist()] == spans_by_hand(name, texts)


@pytest.mark.parametrize("name", NUCLEOTIDE)
@given(sequence=st.text("ACGUN", min_size=6, max_size=60).map(lambda text: text[: len(text) // 3 * 3]))
def test_nucleotides_of_a_group_are_those_that_the_same_tokens_cover(name: str, sequence: str) -> None:
    entry = entry_of(name)
    adapter = EncoderAdapter(entry, ModelOptions(), initialisation=0)
    groups, pieces = adapter.token_of(sequence), token_reader(entry, None).read(sequence)
    covering = [tuple(pieces.covering(place).tolist()) for place in range(len(sequence))]
    numbers = {tokens: number for number, tokens in enumerate(dict.fromkeys(covering))}
    assert groups.dtype == np.int64 and groups.tolist() == [numbers[tokens] for tokens in covering]


def test_groups_worked_out_by_hand() -> None:
    def groups(name: str, sequence: str) -> list[int]:
        return EncoderAdapter(entry_of(name), ModelOptions(), initialisation=0).token_of(sequence).tolist()

    assert groups("calm", "ACGUACGUA") == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert groups("nucleotide-transformer", "ACGUACGU") == [0, 0, 0, 0, 0, 0, 1, 2]
    assert groups("dnabert-3mer", "ACGUACGU") == list(range(8))
    # both 3-mers of 4 nt cover the two in the middle
    assert groups("dnabert-3mer", "ACGU") == [0, 1, 1, 2]
    assert groups("hyenadna", "ACGU") == [0, 1, 2, 3]


@pytest.mark.parametrize("name", NUCLEOTIDE)
def test_an_n_is_a_token_of_the_vocabulary_or_masked_but_never_unknown(name: str, folder: Path) -> None:
    entry, sequence = entry_of(name), "ACGUNACGUACNNGUACGUACGUA"
    reader = token_reader(entry, None)
    pieces = reader.read(sequence)
    assert reader.special("<unk>") not in pieces.ids
    lacking = entry.architecture.vocabulary == "nucleobase" or entry.tokens.kind == "byte pair"
    held = [
        number
        for number, start, end in zip(pieces.ids, pieces.starts, pieces.ends, strict=True)
        if "N" in sequence[start:end]
    ]
    assert held
    assert all((number == reader.mask) == lacking for number in held)
    assert any("N that its vocabulary lacks" in quirk for quirk in entry.card.quirks) == lacking
    # upstream, what the harness masks is silently unknown
    ids, texts = upstream_tokens(name, sequence, folder)
    unknown = reader.special("<unk>")
    inner = ids[len(entry.architecture.leading) : len(ids) - len(entry.architecture.trailing)]
    assert [reader.mask if number == unknown else number for number in inner] == pieces.ids.tolist()
    assert ("<unk>" in texts) == lacking


def test_an_n_splits_six_letters_into_single_ones() -> None:
    pieces = token_reader(entry_of("nucleotide-transformer"), None).read("ACGUACACNUACGUACGUA")
    assert (pieces.ends - pieces.starts).tolist() == [6, 1, 1, 1, 6, 1, 1, 1, 1]


def test_foreign_letters_are_named() -> None:
    for name, sequence, letter in (("dnabert-3mer", "ACGTA", "T"), ("calm", "ACé", "é"), ("esm2", "MKJ", "J")):
        with pytest.raises(InputError, match=f"'{letter}' is not one of"):
            token_reader(entry_of(name), None).read(sequence)


@given(data=st.data(), name=st.sampled_from(NUCLEOTIDE))
def test_coverage_spreads_all_of_every_nucleotide(data: st.DataObject, name: str) -> None:
    reader = READERS[name]
    sequence = data.draw(st.text("ACGUN", min_size=6, max_size=60))
    sequence = sequence[: len(sequence) // 3 * 3] if name == "calm" else sequence
    pieces = reader.read(sequence)
    np.testing.assert_allclose(pieces.coverage.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(pieces.reading.sum(axis=1), 1, atol=1e-5)
    random = np.random.default_rng(0)
    attention = random.dirichlet(np.ones(len(pieces.ids)), size=len(pieces.ids))
    spread = pieces.coverage @ attention @ pieces.reading
    np.testing.assert_allclose(spread.sum(axis=1), 1, atol=1e-5)
    states = random.normal(size=(len(pieces.ids), 3)).astype(np.float32)
    for nucleotide, found in enumerate(pieces.spread(states)):
        own = [t for t in range(len(states)) if pieces.starts[t] <= nucleotide < pieces.ends[t]]
        assert pieces.covering(nucleotide).tolist() == own
        np.testing.assert_allclose(found, sum(states[t] for t in own) / len(own), atol=1e-5)


READERS = {name: token_reader(entry_of(name), None) for name in NUCLEOTIDE}


@pytest.mark.parametrize(
    ("tokens", "name", "resolution"),
    [
        (Tokens(), "single nucleotide", "1 nt"),
        (Tokens(kind="overlapping k-mer", k=3), "overlapping 3-mer", "3 nt"),
        (Tokens(kind="k-mer", k=6, letters="DNA"), "6-mer", "6 nt"),
        (Tokens(kind="codon"), "codon", "3 nt"),
        (Tokens(kind="codon", k=3), "codon", "3 nt"),
        (Tokens(kind="byte pair"), "byte pair", "BPE"),
        (Tokens(letters="protein"), "single amino acid", "1 residue"),
    ],
)
def test_cards_say_what_a_token_is(tokens: Tokens, name: str, resolution: str) -> None:
    card = entry_of("dnabert-3mer").model_copy(update={"tokens": tokens}).card
    assert (card.tokenisation, card.resolution) == (name, resolution)
    assert card.alphabet == ("protein" if tokens.letters == "protein" else "nucleotide")
    assert card.min_length == (tokens.k if "overlapping" in name else 1)
    assert card.length_multiple == (3 if name == "codon" else 1)
    assert ("replace_hidden" in card.capabilities) == (name == "single nucleotide")
    assert any("coarser than a nucleotide" in quirk for quirk in card.quirks) == (tokens.kind != "single")


@pytest.mark.parametrize(
    "fields", [{"k": 3}, {"kind": "k-mer"}, {"kind": "byte pair", "k": 2}, {"kind": "codon", "k": 2}]
)
def test_tokens_that_make_no_sense(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="do not have k"):
        Tokens(**fields)


def test_the_second_nucleotide_transformer_has_two_more_tokens() -> None:
    entry = entry_of("nucleotide-transformer")
    config = {**entry.config, "vocab_size": 4107}
    vocabulary = token_reader(entry.model_copy(update={"config": config}), None).vocabulary
    first = authors_vocabulary("nucleotide-transformer")
    assert sorted(vocabulary, key=lambda token: vocabulary[token]) == [*first[:4], "<eos>", "<bos>", *first[4:]]


def test_the_stand_in_is_merged_from_random_letters() -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import BPE
    from tokenizers.trainers import BpeTrainer

    letters = np.random.default_rng(0).choice(list("ACGT"), (200, 1000))
    special = ["<unk>", "<cls>", "<eos>", "<pad>", "<mask>"]
    tokenizer = Tokenizer(BPE(unk_token="<unk>"))
    trainer = BpeTrainer(vocab_size=256, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(["".join(row) for row in letters], trainer)
    merged = json.loads(tokenizer.to_str())["model"]
    shipped = json.loads(STAND_IN.read_text())["model"]
    assert (shipped["vocab"], shipped["merges"]) == (merged["vocab"], merged["merges"])


def changed_stand_in(folder: Path) -> Path:
    document = json.loads(STAND_IN.read_text())
    document["model"]["merges"] = document["model"]["merges"][:4]
    document["model"]["vocab"] = {
        token: number for token, number in document["model"]["vocab"].items() if number < 5 + 4 + 4
    }
    (folder / "tokenizer.json").write_text(json.dumps(document))
    return folder


def test_byte_pairs_come_from_the_folder_of_the_weights(tmp_path: Path) -> None:
    entry = entry_of("dnabert2")
    sequence = random_sequence("ACGU", 60)
    stand_in = token_reader(entry, None).read(sequence)
    own = token_reader(entry, changed_stand_in(tmp_path)).read(sequence)
    assert len(own.ids) > len(stand_in.ids)
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(InputError, match=r"tokenizer.json is damaged"):
        token_reader(entry, tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(InputError, match=r"contains no tokenizer.json, the model's tokenizer: copy it"):
        token_reader(entry, tmp_path)
    document = STAND_IN.read_text().replace("<cls>", "[CLS]")
    (tmp_path / "tokenizer.json").write_text(document)
    with pytest.raises(HarnessError, match="has no token <cls>"):
        token_reader(entry, tmp_path).special("<cls>")


def test_tokens_are_part_of_the_identity(tmp_path: Path) -> None:
    def identity(entry: Entry, **options: Any) -> str:
        return EncoderAdapter(entry, ModelOptions(**options), None if options else 0).identity()

    three = entry_of("dnabert-3mer")
    others = [Tokens(kind="overlapping k-mer", k=4, letters="DNA"), Tokens(kind="k-mer", k=3, letters="DNA"), Tokens()]
    entries = [three, *(three.model_copy(update={"tokens": tokens}) for tokens in others)]
    architecture = three.architecture.model_copy(update={"vocabulary": "streamline"})
    entries.append(three.model_copy(update={"architecture": architecture}))
    assert len(set(map(identity, entries))) == 5
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"")
    byte_pairs = entry_of("dnabert2")
    shutil.copy(STAND_IN, tmp_path / "tokenizer.json")
    before = identity(byte_pairs, weights=tmp_path)
    changed_stand_in(tmp_path)
    assert identity(byte_pairs, weights=tmp_path) != before
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(InputError, match=r"contains no tokenizer.json"):
        identity(byte_pairs, weights=tmp_path)


def test_a_random_twin_says_that_its_byte_pairs_are_not_the_trained_ones() -> None:
    twin = EncoderAdapter(entry_of("dnabert2"), ModelOptions()).random_twin()
    assert any("stand-in" in quirk for quirk in twin.card.quirks)
    assert not any("stand-in" in quirk for quirk in entry_of("dnabert2").card.quirks)
    assert EncoderAdapter(entry_of("hyenadna"), ModelOptions()).random_twin().card.quirks == ()
