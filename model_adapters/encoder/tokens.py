"""Sequences cut into the tokens of a model. Imports the tokenizers' libraries: load it only when a model runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError, InputError
from harness.sequences.pieces import Pieces
from model_adapters.encoder.entry import Entry, OwnTokenizer, Tokens, byte_pair_file

BASES = "ACGU"
_LETTERS = {"RNA": "ACGUN", "DNA": "ACGUN", "protein": "LAGVSERTIDPNKQYFMHWCXBUZO"}
_ESM = ("<cls>", "<pad>", "<eos>", "<unk>", *_LETTERS["protein"], ".", "-", "<null_1>", "<mask>")
_NT_SPECIAL = ("<unk>", "<pad>", "<mask>", "<cls>", "<eos>", "<bos>")

Span = tuple[int, int, str]
"""First nucleotide of a token, the one after its last, and the token as the vocabulary writes it."""

Split = Callable[[str], list[Span]]


@dataclass(frozen=True)
class TokenReader:
    """Cuts sequences into tokens. One that the vocabulary lacks, which N alone can cause, is read as ``unknown``."""

    vocabulary: Mapping[str, int]
    split: Split
    letters: str
    spelling: Mapping[str, str]
    """How the vocabulary writes those letters that it writes in another way, such as U."""
    pad: str = "<pad>"
    masked: str = "<mask>"
    unknown: str = "<mask>"

    def read(self, sequence: str) -> Pieces:
        """The tokens of a sequence.

        Raises:
            InputError: a letter is foreign to the model's alphabet.
        """
        if foreign := set(sequence).difference(self.letters):
            letter = min(foreign, key=sequence.index)
            raise InputError(f"{letter!r} is not one of {' '.join(self.letters)}: normalise the sequences first")
        text = self.spelled(sequence)
        found = self.split(text)
        numbers = [self.vocabulary.get(token, -1) for _, _, token in found]
        if -1 in numbers:
            unknown = self.special(self.unknown)
            numbers = [unknown if number == -1 else number for number in numbers]
        spans = np.array([span[:2] for span in found], dtype=np.int64).reshape(-1, 2)
        return Pieces(len(sequence), np.array(numbers, dtype=np.int64), spans[:, 0], spans[:, 1])

    def spelled(self, sequence: str) -> str:
        """A sequence in the letters of the vocabulary."""
        return "".join(self.spelling.get(letter, letter) for letter in sequence)

    @property
    def mask(self) -> int:
        return self.special(self.masked)

    def special(self, name: str) -> int:
        """The number of a special token.

        Raises:
            HarnessError: the vocabulary lacks it.
        """
        if name not in self.vocabulary:
            raise HarnessError(
                f"the vocabulary has no token {name}: its special tokens differ from those in the catalog"
            )
        return self.vocabulary[name]

    def bases_of(self, width: int) -> NDArray[np.float64]:
        """(vocabulary, width, 4): 1 where a token of ``width`` letters has that base at that place, else 0."""
        bases, letters = self.spelled(BASES), set(self.spelled(self.letters))
        found = np.zeros((max(self.vocabulary.values()) + 1, width, len(bases)))
        for token, number in self.vocabulary.items():
            if len(token) == width and letters.issuperset(token):
                for place, letter in enumerate(token):
                    if letter in bases:
                        found[number, place, bases.index(letter)] = 1
        return found


def token_reader(entry: Entry, folder: Path | None) -> TokenReader:
    """The reader of a model; byte pairs come from ``tokenizer.json`` in ``folder``, or the stand-in without a folder.

    Raises:
        InputError: the folder holds no such file, or a damaged one.
    """
    tokens, own = entry.tokens, entry.own
    if own is not None:
        split = merged_by(own) if tokens.kind == "byte pair" else splitter(tokens, own.numbers)
        names = {"pad": own.pad, "masked": own.mask or "", "unknown": own.unknown or ""}
        return TokenReader(own.numbers, split, own.letters, own.spelling, **names)
    letters = _LETTERS[tokens.letters]
    spelling = {"U": "T"} if tokens.letters == "DNA" else {}
    if tokens.kind == "byte pair":
        return TokenReader(*_byte_pairs(byte_pair_file(folder)), letters, spelling)
    vocabulary = {token: number for number, token in enumerate(_vocabulary(entry))}
    return TokenReader(vocabulary, splitter(tokens, vocabulary), letters, spelling)


def splitter(tokens: Tokens, vocabulary: Mapping[str, int]) -> Split:
    """How tokens of a fixed width follow one another in a sequence."""
    k = tokens.width

    def overlapping(text: str) -> list[Span]:
        return [(start, start + k, text[start : start + k]) for start in range(len(text) - k + 1)]

    def side_by_side(text: str) -> list[Span]:
        return [(start, start + k, text[start : start + k]) for start in range(0, len(text), k)]

    def longest_known(text: str) -> list[Span]:
        spans, start = [], 0
        while start < len(text):
            piece = text[start : start + k]
            piece = piece if len(piece) == k and piece in vocabulary else piece[0]
            spans.append((start, start + len(piece), piece))
            start += len(piece)
        return spans

    splits = {"overlapping k-mer": overlapping, "k-mer": longest_known}
    return splits.get(tokens.kind, side_by_side)


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


def _byte_pairs(path: Path) -> tuple[Mapping[str, int], Split]:
    tokenizer = _tokenizer(path)

    def merged(text: str) -> list[Span]:
        spans = tokenizer.encode(text, add_special_tokens=False).offsets
        return [(start, end, text[start:end]) for start, end in spans]

    return tokenizer.get_vocab(), merged


def merged_by(own: OwnTokenizer) -> Split:
    """Pieces of many lengths as a model's own tokenizer cuts them, refused where they do not fit the sequence."""
    path = own.folder / "tokenizer.json"
    no_letter = own.spelling.get("N", "N")
    tokenizer = _tokenizer(path)
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def merged(text: str) -> list[Span]:
        encoding = tokenizer.encode(text, add_special_tokens=False)
        spans = [(start, end, token) for (start, end), token in zip(encoding.offsets, encoding.tokens, strict=True)]
        borders = [0, *(end for _, end, _ in spans)]
        if [start for start, _, _ in spans] != borders[:-1] or borders[-1] != len(text) or 0 in np.diff(borders):
            raise InputError(f"the tokens that {path} makes from {text[:12]}… do not cover it letter by letter")
        for start, end, token in spans:
            if token == own.unknown and no_letter not in text[start:end]:
                raise InputError(
                    f"{path} reads {text[start : start + 12]}… as {token}: its vocabulary uses other letters"
                )
        return spans

    return merged


def _tokenizer(path: Path) -> Any:
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise InputError(f"{path} is damaged ({error}): fetch or copy it again") from error
