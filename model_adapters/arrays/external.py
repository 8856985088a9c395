"""Models that run only in their authors' environment: a full card here, and arrays exported there.

``external.toml`` describes them. What is exported is the folder that ``precomputed:FOLDER`` reads; the
page that an entry names shows how.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from harness.adapter import ModelAdapter, ModelCard, ModelFactory, ModelOptions
from harness.errors import HarnessError, InputError, Unavailable
from model_adapters.arrays.precomputed import Precomputed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class ExternalEntry(BaseModel):
    """What the catalog says of a model that runs elsewhere. ``layers``, ``heads`` and ``width`` are None if unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    group: Literal["diverse ncRNA", "special RNA", "unified", "DNA", "protein"]
    summary: str
    architecture: str
    tokenisation: str = "single nucleotide"
    resolution: str = "1 nt"
    layers: int | None = None
    heads: int | None = None
    width: int | None = None
    parameters: int | None
    """As published: the network is not built here, so nothing counts them."""
    max_length: int | None
    corpus: str
    licence: str
    hub_id: str | None = None
    revision: str | None = None
    citation: str
    exposure: dict[str, str] = {}
    quirks: tuple[str, ...] = ()
    fetch: str
    """Where the weights are, as a command or an address."""
    recipe: str
    """The page that shows how to export arrays."""

    @property
    def card(self) -> ModelCard:
        fields = self.model_dump(exclude={"fetch", "recipe", "quirks"})
        where = f"runs only in its authors' environment: scored from arrays exported there ({self.recipe})"
        return ModelCard(**fields, capabilities=frozenset({"hidden_states", "attention"}), quirks=(where, *self.quirks))


class ExternalAdapter(ModelAdapter):
    """The arrays of ``--weights PATH`` or ``$HARNESS_WEIGHTS/NAME`` under the card of the catalog.

    Where the arrays are there, the card says what they hold; where they are not, what the catalog knows.
    """

    def __init__(self, entry: ExternalEntry, options: ModelOptions) -> None:
        self.entry = entry
        self.options = options
        self.card = entry.card
        if self.available():
            held = self._arrays.card
            keep = {field: getattr(held, field) for field in ("capabilities", "layers", "heads", "width")}
            self.card = entry.card.model_copy(update=keep)

    def identity(self) -> str:
        """Hash of the exported arrays.

        Raises:
            Unavailable: there are none; names what to fetch and the page that shows how to export it.
            InputError: the folder is damaged, or holds another model.
        """
        return self._arrays.identity()

    def available(self) -> bool:
        try:
            return self._arrays.available()
        except HarnessError:
            return False

    def layers_held(self, sequences: Sequence[str]) -> tuple[int, ...]:
        return self._arrays.layers_held(sequences)

    def hidden_states(
        self, sequences: Sequence[str], layers: Sequence[int]
    ) -> Iterator[tuple[int, dict[int, NDArray[np.float32]]]]:
        return self._arrays.hidden_states(sequences, layers)

    def visit_attention(self, sequences: Sequence[str], visit: Callable[[int, int, NDArray[np.float32]], None]) -> None:
        self._arrays.visit_attention(sequences, visit)

    @cached_property
    def _arrays(self) -> Precomputed:
        entry = self.entry
        arrays = Precomputed(replace(self.options, argument=str(self._folder())))
        for field in ("name", "layers", "heads", "width"):
            known, held = getattr(entry, field), getattr(arrays.manifest, field)
            if None not in (known, held) and known != held:
                raise InputError(f"{arrays.folder} has {field} {held}, but {entry.name} has {known}: export it again")
        return arrays

    def _folder(self) -> Path:
        if self.options.weights is not None:
            return self.options.weights
        name, below = self.entry.name, os.environ.get("HARNESS_WEIGHTS")
        if below and (Path(below) / name).exists():
            return Path(below) / name
        raise Unavailable(
            f"no exported arrays of {name} on this machine, and it runs only in its own environment: fetch it "
            f"({self.entry.fetch}), export arrays as {self.entry.recipe} shows, and give their folder with "
            f"--weights PATH (or put it in $HARNESS_WEIGHTS, as {name})"
        )


def read_external(path: Path) -> dict[str, ExternalEntry]:
    """Entries by name, from the ``[external.NAME]`` tables of a TOML file.

    Raises:
        pydantic.ValidationError: a field is missing, unknown or of the wrong type.
    """
    tables: dict[str, dict[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8"))["external"]
    return {name: ExternalEntry(name=name, **fields) for name, fields in tables.items()}


ENTRIES: Mapping[str, ExternalEntry] = read_external(Path(__file__).with_name("external.toml"))
MODELS: Mapping[str, ModelFactory] = {name: partial(ExternalAdapter, entry) for name, entry in ENTRIES.items()}
