"""The catalog entry of a model: data only, checked when the catalog is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, model_validator

from harness.adapter import Capability, ModelCard
from harness.errors import InputError

STAND_IN = Path(__file__).with_name("stand_in_byte_pairs.json")
"""Byte pairs merged on random letters, for random weights: a trained tokenizer is not there without its model."""

Group = Literal["diverse ncRNA", "special RNA", "unified", "DNA", "protein"]
"""What a model was trained on, as the published reviews sort them."""


def byte_pair_file(folder: Path | None) -> Path:
    """The tokenizer of byte pairs in a folder of weights, or the stand-in without a folder.

    Raises:
        InputError: the folder holds none.
    """
    path = STAND_IN if folder is None else folder / "tokenizer.json"
    if not path.is_file():
        raise InputError(f"{path.parent} contains no {path.name}, the model's tokenizer: copy it beside the weights")
    return path


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Tokens(_Strict):
    """What one token of a model covers, and the letters that its tokenizer writes."""

    kind: Literal["single", "overlapping k-mer", "k-mer", "codon", "byte pair"] = "single"
    k: int = 1
    letters: Literal["RNA", "DNA", "protein"] = "RNA"

    @model_validator(mode="after")
    def _k_fits_the_kind(self) -> Tokens:
        if (self.kind in ("overlapping k-mer", "k-mer")) != (self.k > 1) and (self.kind, self.k) != ("codon", 3):
            raise ValueError(f"tokens of kind {self.kind} do not have k = {self.k}")
        return self

    @property
    def width(self) -> int:
        """Nucleotides of a whole token; 1 where tokens differ in length."""
        return 3 if self.kind == "codon" else self.k

    @property
    def name(self) -> str:
        if self.kind == "single":
            return "single amino acid" if self.letters == "protein" else "single nucleotide"
        return self.kind.replace("k-mer", f"{self.k}-mer")

    @property
    def resolution(self) -> str:
        if self.kind == "byte pair":
            return "BPE"
        return "1 residue" if self.letters == "protein" else f"{self.width} nt"


class Architecture(_Strict):
    """How to run one architecture of a library. Paths are dotted attribute names, "" is the model itself."""

    library: Literal["multimolecule", "transformers"] = "multimolecule"
    model_class: str
    config_class: str
    model_type: str
    encoder: str
    embeddings: str
    blocks: str
    attention: str | None = None
    """Self-attention module within a block; the last item of its output holds the attention probabilities."""
    final_norm: str | None = None
    lm_head: str | None = None
    """Several names, separated by spaces, are applied one after the other."""
    causal: bool = False
    """Whether a token sees only the tokens before it."""
    optional_heads: tuple[str, ...] = ()
    """Weights that a checkpoint may hold or lack and that no result depends on: prefixes, or patterns with ``*``."""
    vocabulary: Literal["standard", "streamline", "nucleobase", "nucleotide transformer", "esm"] = "standard"
    """Tokens and their order: an alphabet of multimolecule's tokenizers, or that of a model of transformers."""
    leading: tuple[str, ...] = ("<cls>",)
    trailing: tuple[str, ...] = ("<eos>",)
    pad_to: int | None = None
    """Tokens that every sequence is padded to, in sight of the model, because it was trained so."""


class OwnTokenizer(_Strict):
    """Tokens as the files beside the weights number them, in place of a vocabulary that the catalog knows."""

    folder: Path
    files: tuple[str, ...]
    numbers: dict[str, int]
    letters: str
    """What a sequence may hold: A C G U, and N where the vocabulary has a token for it; amino acids of proteins."""
    spelling: dict[str, str] = {}
    """Letters that the vocabulary writes in another way: lower case, T for U."""
    pad: str
    mask: str | None
    unknown: str | None
    longest: int
    """Most tokens that the model takes, special ones included."""


class Entry(_Strict):
    """One model: its architecture, its configuration and what its card says."""

    name: str
    group: Group | None
    architecture_name: str
    architecture: Architecture
    config: dict[str, Any]
    """Arguments of the configuration class that differ from its defaults: enough to build the model without a hub."""
    aliases: tuple[str, ...] = ()
    packaged: str | None = None
    """Folder beside the catalog that holds the weights, for a model that ships with this package."""
    hub_id: str | None = None
    revision: str | None = None
    summary: str
    max_length: int
    parameters: int | None
    corpus: str
    licence: str
    citation: str
    exposure: dict[str, str] = {}
    quirks: tuple[str, ...] = ()
    tokens: Tokens = Tokens()
    own: OwnTokenizer | None = None

    @property
    def token_quirks(self) -> tuple[str, ...]:
        """What its tokens do to the numbers, of the trained model and of random ones."""
        quirks = []
        if self.tokens.kind != "single":
            quirks.append("its tokens are coarser than a nucleotide: pairs inside one token cannot be told apart")
        if self.own is not None:
            quirks += self._own_quirks(self.own)
        elif self.architecture.vocabulary == "nucleobase" or self.tokens.kind == "byte pair":
            quirks.append("a token with an N that its vocabulary lacks is read as <mask>")
        return tuple(quirks)

    def _own_quirks(self, own: OwnTokenizer) -> list[str]:
        quirks = []
        unknown = "X" if self.tokens.letters == "protein" else "N"
        if unknown not in own.letters:
            quirks.append(f"{unknown} is refused: its vocabulary has no token for it")
        elif own.spelling.get(unknown, unknown) not in own.numbers and own.unknown is not None:
            quirks.append(f"a token with an {unknown} that its vocabulary lacks is read as {own.unknown}")
        if "k-mer" in self.tokens.kind:
            quirks.append(f"its vocabulary holds all {self.tokens.k}-mers, which were taken to be {self.tokens.name}s")
        return quirks

    @property
    def card(self) -> ModelCard:
        architecture, tokens = self.architecture, self.tokens
        maskable = self.own is None or self.own.mask is not None
        capabilities: set[Capability] = {"hidden_states"}
        if architecture.attention:
            capabilities.add("attention")
        if architecture.leading:
            capabilities.add("leading")
        if architecture.lm_head and architecture.causal:
            if tokens.kind == "single" and tokens.letters != "protein":
                capabilities.add("causal_log_probs")
        elif architecture.lm_head and maskable and tokens.kind != "byte pair" and tokens.letters != "protein":
            capabilities |= {"log_probs", "unmasked_log_probs"}
            if tokens.kind == "single":
                capabilities.add("replace_hidden")
        return ModelCard(
            name=self.name,
            group=self.group,
            summary=self.summary,
            architecture=self.architecture_name,
            alphabet="protein" if tokens.letters == "protein" else "nucleotide",
            tokenisation=tokens.name,
            resolution=tokens.resolution,
            capabilities=frozenset(capabilities),
            layers=self.config["num_hidden_layers"],
            heads=self.config["num_attention_heads"] if architecture.attention else None,
            width=self.config["hidden_size"],
            parameters=self.parameters,
            max_length=self.max_length,
            min_length=tokens.k if tokens.kind == "overlapping k-mer" else 1,
            length_multiple=3 if tokens.kind == "codon" else 1,
            corpus=self.corpus,
            exposure=self.exposure,
            licence=self.licence,
            hub_id=self.hub_id,
            revision=self.revision,
            citation=self.citation,
            quirks=self.quirks + self.token_quirks,
        )
