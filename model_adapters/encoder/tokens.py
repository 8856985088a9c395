"""Tokens and the nucleotides that they cover. Imports the tokenizers' libraries: load it only when a model runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError, InputError
from model_adapters.encoder.entry import Entry, byte_pair_file

BASES = "ACGU"
_LETTERS = {"RNA": "ACGUN", "DNA": "ACGUN", "protein": "LAGVSERTIDPNKQYFMHWCXBUZO"}
_ESM = ("<cls>", "<pad>", "<eos>", "<unk>", *_LETTERS["protein"], ".", "-", "<null_1>", "<mask>")
_NT_SPECIAL = ("<unk>", "<pad>", "<mask>", "<cls>", "<eos>", "<bos>")

Span = tuple[int, int]


@dataclass(frozen=True)
class Pieces:
    """The tokens of one sequence but for special ones: token t covers nucleotides ``starts[t]`` to ``ends[t]`` - 1."""

    length: int
    ids: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    @cached_property
    def single(self) -> bool:
        """Whether every nucleotide has a token of its own."""
        return bool((self.ends - self.starts == 1).all())

    @cached_property
    def coverage(self) -> NDArray[np.float32]:
        """P, (length, tokens) float32: the share of each token in each nucleotide; its rows sum to 1."""
        nucleotides = np.arange(self.length)[:, None]
        covered = (self.starts <= nucleotides) & (nucleotides < self.ends)
        shares: NDArray[np.float32] = covered.astype(np.float32) / covered.sum(axis=1, keepdims=True, dtype=np.float32)
        return shares

    @property
    def groups(self) -> NDArray[np.int64]:
        """(length,) ascending: equal numbers for nucleotides that the very same tokens cover."""
        places = np.arange(self.length)
        first = np.searchsorted(self.ends, places, side="right")
        last = np.searchsorted(self.starts, places, side="right")
        return np.unique(first * (len(self.ids) + 1) + last, return_inverse=True)[1].astype(np.int64)

    @property
    def reading(self) -> NDArray[np.float32]:
        """R, (tokens, length) float32: how a token's share of attention is spread over nucleotides; rows sum to 1."""
        coverage = self.coverage
        return (coverage / coverage.sum(axis=0)).T

    def covering(self, position: int) -> NDArray[np.int64]:
        """The tokens that cover a nucleotide."""
        return np.flatnonzero((self.starts <= position) & (position < self.ends))

    def spread(self, states: NDArray[np.float32]) -> NDArray[np.float32]:
        """(tokens, width) to (length, width): the mean of the tokens that cover a nucleotide."""
        return states.copy() if self.single else self.coverage @ states


@dataclass(frozen=True)
class TokenReader:
    """Cuts sequences into tokens. A token that the vocabulary lacks, which N alone can cause, is read as ``<mask>``."""

    vocabulary: Mapping[str, int]
    split: Callable[[str], list[Span]]
    letters: str
    uracil: str
    """How the vocabulary writes U."""

    def read(self, sequence: str) -> Pieces:
        """The tokens of a sequence.

        Raises:
            InputError: a letter is foreign to the model's alphabet.
        """
        if foreign := set(sequence).difference(self.letters):
            letter = min(foreign, key=sequence.index)
            raise InputError(f"{letter!r} is not one of {' '.join(self.letters)}: normalise sequences")
        text = sequence.replace("U", self.uracil)
        spans = np.array(self.split(text), dtype=np.int64).reshape(-1, 2)
        ids = [self.vocabulary.get(text[start:end], self.mask) for start, end in spans.tolist()]
        return Pieces(len(sequence), np.array(ids, dtype=np.int64), spans[:, 0], spans[:, 1])

    @property
    def mask(self) -> int:
        return self.special("<mask>")

    def special(self, name: str) -> int:
        """The number of a special token.

        Raises:
            HarnessError: the vocabulary lacks it.
        """
        if name not in self.vocabulary:
            raise HarnessError(f"the vocabulary has no token {name}: its special tokens are not those of the catalog")
        return self.vocabulary[name]

    def bases_of(self, width: int) -> NDArray[np.float64]:
        """(vocabulary, width, 4): 1 where a token of ``width`` letters has that base at that place, else 0."""
        bases = BASES.replace("U", self.uracil)
        found = np.zeros((max(self.vocabulary.values()) + 1, width, len(bases)))
        for token, number in self.vocabulary.items():
            if len(token) == width and set(token.replace(self.uracil, "U")).issubset(self.letters):
                for place, letter in enumerate(token):
                    if letter in bases:
                        found[number, place, bases.index(letter)] = 1
        return found


def token_reader(entry: Entry, folder: Path | None) -> TokenReader:
    """The reader of a model; byte pairs come from ``tokenizer.json`` in ``folder``, or the stand-in without a folder.

    Raises:
        InputError: the folder holds no such file, or a damaged one.
    """
    tokens = entry.tokens
    letters = _LETTERS[tokens.letters]
    uracil = "T" if tokens.letters == "DNA" else "U"
    if tokens.kind == "byte pair":
        return TokenReader(*_byte_pairs(byte_pair_file(folder)), letters, uracil)
    vocabulary = {token: number for number, token in enumerate(_vocabulary(entry))}
    k = tokens.width

    def overlapping(text: str) -> list[Span]:
        return [(start, start + k) for start in range(len(text) - k + 1)]

    def side_by_side(text: str) -> list[Span]:
        return [(start, start + k) for start in range(0, len(text), k)]

    def longest_known(text: str) -> list[Span]:
        spans, start = [], 0
        while start < len(text):
            piece = text[start : start + k]
            width = k if len(piece) == k and piece in vocabulary else 1
            spans.append((start, start + width))
            start += width
        return spans

    splits = {"overlapping k-mer": overlapping, "k-mer": longest_known}
    return TokenReader(vocabulary, splits.get(tokens.kind, side_by_side), letters, uracil)


def _vocabulary(entry: Entry) -> tuple[str, ...]:
    """All tokens in the order of their numbers, as the library or the authors number them."""
    name, tokens = entry.architecture.vocabulary, entry.tokens
    if name == "esm":
        return _ESM
    if name == "nucleotide transformer":
        letters = ("A", "T", "C", "G")
        own = (*("".join(letter) for letter in product(letters, repeat=tokens.k)), *letters, "N")
        # the first generation (4105 tokens) knows neither <eos> nor <bos>
        return (*_NT_SPECIAL[: entry.config["vocab_size"] - len(own)], *own)
    from multimolecule.tokenisers.dna.utils import get_alphabet as dna_alphabet
    from multimolecule.tokenisers.rna.utils import get_alphabet as rna_alphabet

    get_alphabet = dna_alphabet if tokens.letters == "DNA" else rna_alphabet
    alphabet: tuple[str, ...] = get_alphabet(name, nmers=tokens.width).vocabulary
    return alphabet


def tokenizer_vocabulary(path: Path) -> Mapping[str, int]:
    """All tokens of a ``tokenizer.json`` with their numbers.

    Raises:
        InputError: the file is damaged.
    """
    vocabulary: Mapping[str, int] = _tokenizer(path).get_vocab()
    return vocabulary


def _byte_pairs(path: Path) -> tuple[Mapping[str, int], Callable[[str], list[Span]]]:
    tokenizer = _tokenizer(path)

    def merged(text: str) -> list[Span]:
        spans: list[Span] = tokenizer.encode(text, add_special_tokens=False).offsets
        return spans

    return tokenizer.get_vocab(), merged


def _tokenizer(path: Path) -> Any:
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise InputError(f"{path} is damaged ({error}): fetch or copy it again") from error
