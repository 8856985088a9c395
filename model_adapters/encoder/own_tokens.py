"""Read a folder's tokenizer files: vocabulary, letters, special tokens. Imports no tokenizer library."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, Literal, get_args

from harness.errors import InputError
from model_adapters.encoder.entry import OwnTokenizer, Tokens

Letters = Literal["RNA", "DNA", "protein"]

_FILES = ("tokenizer.json", "vocab.txt", "added_tokens.json", "special_tokens_map.json", "tokenizer_config.json")
_AMINO_ACIDS = "LAGVSERTIDPNKQYFMHWCXBUZO"
_PROTEIN_ONLY = set("EFILPQ")
"""Letters of amino acids that are no code of a nucleotide."""
_USUAL = {"mask": ("[MASK]", "<mask>"), "pad": ("[PAD]", "<pad>"), "unk": ("[UNK]", "<unk>")}
_LONGEST_KMER = 8


class TokenizerFiles:
    """The vocabulary of a folder and what it adds around a sequence.

    Raises:
        InputError: there is no vocabulary that can be read, or a file is damaged.
    """

    def __init__(self, folder: Path, model_type: str) -> None:
        self.folder = folder
        self.names = tuple(name for name in _FILES if (folder / name).is_file())
        self.settings = {**self._json("special_tokens_map.json"), **self._json("tokenizer_config.json")}
        self.document = self._json("tokenizer.json")
        self.model_type = model_type
        if self.document:
            self.numbers = self._numbers_of_document()
        elif "vocab.txt" in self.names:
            self.numbers = self._numbers_of_list()
        else:
            raise InputError(
                f"{folder} contains neither tokenizer.json nor vocab.txt: "
                "save the tokenizer there with tokenizer.save_pretrained(FOLDER)"
            )

    @property
    def pieces(self) -> bool:
        """Whether tokens are pieces of many lengths, which only the tokenizer's own rules can cut."""
        lengths = {len(token) for token in self.ordinary}
        ruled = self.document.get("model", {}).get("type") in ("BPE", "Unigram")
        return (ruled and lengths != {1}) or any(token.startswith("##") for token in self.ordinary)

    @property
    def ordinary(self) -> set[str]:
        """Tokens that are no special ones."""
        return {token for token in self.numbers if not re.fullmatch(r"[<\[].+[>\]]", token)}

    def named(self, role: str) -> str | None:
        """The special token of a role, such as "mask", by the settings or by its usual name."""
        said = self.settings.get(f"{role}_token")
        said = said.get("content") if isinstance(said, Mapping) else said
        return next((name for name in (said, *_USUAL.get(role, ())) if name in self.numbers), None)

    def around(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Special tokens before and after a sequence.

        Raises:
            InputError: the files do not say.
        """
        if self.document:
            return _around(self.document.get("post_processor"))
        kind = str(self.settings.get("tokenizer_class") or self.model_type).lower()
        if "esm" in kind:
            ends = (self.named("cls") or "<cls>", self.named("eos") or "<eos>")
        elif "bert" in kind or "electra" in kind:
            ends = (self.named("cls") or "[CLS]", self.named("sep") or "[SEP]")
        else:
            raise InputError(
                f"{self.folder} does not say which special tokens surround a sequence: "
                'state them in the plugin, such as leading=["[CLS]"], trailing=["[SEP]"]'
            )
        first, last = (tuple(token for token in (end,) if token in self.numbers) for end in ends)
        return first, last

    def _numbers_of_document(self) -> dict[str, int]:
        vocabulary = self.document.get("model", {}).get("vocab", {})
        if isinstance(vocabulary, list):  # Unigram: pairs of a token and its score
            vocabulary = {token: number for number, (token, _) in enumerate(vocabulary)}
        added = {token["content"]: token["id"] for token in self.document.get("added_tokens", ())}
        return {**vocabulary, **added}

    def _numbers_of_list(self) -> dict[str, int]:
        lines = (self.folder / "vocab.txt").read_text(encoding="utf-8").rstrip().splitlines()
        added = self.settings.get("added_tokens_decoder", {})
        return {
            **{line.strip(): number for number, line in enumerate(lines)},
            **self._json("added_tokens.json"),
            **{token["content"]: int(number) for number, token in added.items()},
        }

    def _json(self, name: str) -> dict[str, Any]:
        if name not in self.names:
            return {}
        try:
            return dict(json.loads((self.folder / name).read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise InputError(
                f"{self.folder / name} is not a JSON object ({error}): save the tokenizer again"
            ) from error


def read_tokens(files: TokenizerFiles, stated: str | None, letters: Letters | None) -> tuple[Tokens, dict[str, str]]:
    """What one token covers, and the letters that the vocabulary writes in another way than A C G U N.

    ``stated`` is a tokenisation as cards write it ("overlapping 3-mer", "codon"), ``letters`` an alphabet; both are
    found in the vocabulary where they are None.

    Raises:
        InputError: the vocabulary leaves it open, or does not hold what is stated.
    """
    singles = {token for token in files.ordinary if len(token) == 1}
    if letters not in (None, *get_args(Letters)):
        raise InputError(f"letters={letters!r} is not one of {', '.join(get_args(Letters))}")
    if letters == "protein" or (letters is None and singles >= _PROTEIN_ONLY and not files.pieces):
        if not singles >= set("ACDEFGHIKLMNPQRSTVWY") or stated not in (None, "single amino acid"):
            raise InputError(f"the vocabulary in {files.folder} does not hold the twenty amino acids as single tokens")
        return Tokens(letters="protein"), {}
    if letters is None and singles >= _PROTEIN_ONLY:
        raise InputError(
            f'{files.folder} has a vocabulary for any text: state letters="RNA" or letters="DNA" in the plugin'
        )
    found = [
        (alphabet, spelling, kinds)
        for alphabet, spelling in _spellings(letters)
        if (kinds := _kinds(files, "".join(spelling.get(base, base) for base in "ACGU")))
    ]
    upper = [item for item in found if item[1].get("A") is None]
    found = upper or found
    if not found:
        raise InputError(
            f"the vocabulary in {files.folder} contains neither the letters A C G U or A C G T nor all k-mers of them"
        )
    if len(found) > 1:
        raise InputError(
            f'the vocabulary in {files.folder} has both T and U: state letters="RNA" or letters="DNA" in the plugin'
        )
    [(alphabet, spelling, kinds)] = found
    longer = sorted(token for token in files.ordinary if len(token) > 1 and set(token.upper()) <= set("ACGTU"))
    if stated is None and kinds[0].kind == "single" and longer:
        raise InputError(
            f"the vocabulary in {files.folder} contains single letters and some longer words such as {longer[0]!r}: "
            'state tokens="single nucleotide" in the plugin if it reads letters one by one'
        )
    if stated is None:
        return kinds[0].model_copy(update={"letters": alphabet}), spelling
    for kind in kinds:
        if kind.name == stated:
            return kind.model_copy(update={"letters": alphabet}), spelling
    known = ", ".join(repr(kind.name) for kind in kinds)
    raise InputError(f"tokens={stated!r} does not fit the vocabulary in {files.folder}, which can be read as {known}")


def own_tokenizer(files: TokenizerFiles, tokens: Tokens, spelling: Mapping[str, str], longest: int) -> OwnTokenizer:
    """The entry's part on tokens, with N among the letters where the vocabulary can read it."""
    unknown, numbers = files.named("unk"), files.numbers
    if tokens.letters == "protein":
        letters = "".join(letter for letter in _AMINO_ACIDS if letter in numbers or (letter == "X" and unknown))
    else:
        readable = unknown is not None or _holds_n(set(numbers), tokens, spelling)
        letters = "ACGUN" if readable else "ACGU"
    return OwnTokenizer(
        folder=files.folder,
        files=files.names,
        numbers=numbers,
        letters=letters,
        spelling=dict(spelling),
        pad=files.named("pad") or unknown or next(iter(numbers)),
        mask=files.named("mask"),
        unknown=unknown,
        longest=longest,
    )


def _spellings(letters: Letters | None) -> list[tuple[Letters, dict[str, str]]]:
    """Alphabets, each in upper and in lower case, with what differs from A C G U N."""
    alphabets: list[Letters] = ["RNA", "DNA"] if letters is None else [letters]
    spellings: list[tuple[Letters, dict[str, str]]] = []
    for alphabet in alphabets:
        upper = {"U": "T"} if alphabet == "DNA" else {}
        lower = {base: upper.get(base, base).lower() for base in "ACGUN"}
        spellings += [(alphabet, upper), (alphabet, lower)]
    return spellings


def _kinds(files: TokenizerFiles, bases: str) -> list[Tokens]:
    """How a vocabulary over ``bases`` can be read, the likeliest first; empty where it is one of other letters."""
    known = files.ordinary
    single = set(bases) <= known
    if files.pieces:
        return [Tokens(kind="byte pair")] if single or {f"##{base}" for base in bases} <= known else []
    complete = [k for k in range(2, _LONGEST_KMER + 1) if _holds_all(known, bases, k)]
    kinds: list[Tokens] = []
    if complete:
        k = complete[-1]
        overlapping, apart = Tokens(kind="overlapping k-mer", k=k), Tokens(kind="k-mer", k=k)
        # single letters are there for what is left over when k-mers stand side by side
        kinds = [apart, overlapping] if single else [overlapping]
        kinds += [Tokens(kind="codon", k=3)] if k == 3 else []
    return kinds + ([Tokens()] if single else [])


def _holds_all(known: set[str], bases: str, k: int) -> bool:
    return len(known) >= len(bases) ** k and all("".join(word) in known for word in product(bases, repeat=k))


def _holds_n(known: set[str], tokens: Tokens, spelling: Mapping[str, str]) -> bool:
    bases = "".join(spelling.get(base, base) for base in "ACGUN")
    if tokens.kind in ("overlapping k-mer", "codon"):
        return _holds_all(known, bases, tokens.width)
    return bases[-1] in known  # beside longer tokens single letters are what is left over


def _around(processor: Mapping[str, Any] | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Special tokens before and after one sequence by the ``post_processor`` of a ``tokenizer.json``."""
    if processor is None:
        return (), ()
    kind = processor["type"]
    if kind == "Sequence":
        parts = [_around(part) for part in processor["processors"]]
        return _joined([first for first, _ in parts][::-1]), _joined([last for _, last in parts])
    if kind in ("BertProcessing", "RobertaProcessing"):
        return (processor["cls"][0],), (processor["sep"][0],)
    if kind != "TemplateProcessing":
        return (), ()
    special = {name: tuple(value["tokens"]) for name, value in processor["special_tokens"].items()}
    steps = [special[step["SpecialToken"]["id"]] if "SpecialToken" in step else None for step in processor["single"]]
    middle = steps.index(None)
    return _joined(steps[:middle]), _joined(steps[middle + 1 :])


def _joined(parts: Sequence[tuple[str, ...] | None]) -> tuple[str, ...]:
    return tuple(token for part in parts for token in part or ())
