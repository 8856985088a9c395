"""The known models: ``catalog.toml`` read into one factory per name. Imports no deep-learning library."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from harness.adapter import ModelFactory
from model_adapters.encoder import EncoderAdapter
from model_adapters.entry import Architecture, Entry


def read_catalog(path: Path) -> dict[str, Entry]:
    """Entries by name, from a TOML file with ``[architectures.NAME]`` and ``[models.NAME]`` tables.

    Raises:
        pydantic.ValidationError: a field is missing, unknown or of the wrong type.
        KeyError: a model names an architecture that the file does not describe.
    """
    document: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    architectures = {name: Architecture(**fields) for name, fields in document["architectures"].items()}
    return {
        name: Entry(
            name=name,
            architecture_name=fields["architecture"],
            architecture=architectures[fields["architecture"]],
            **{key: value for key, value in fields.items() if key != "architecture"},
        )
        for name, fields in document["models"].items()
    }


ENTRIES: Mapping[str, Entry] = read_catalog(Path(__file__).with_name("catalog.toml"))
MODELS: Mapping[str, ModelFactory] = {
    name: partial(EncoderAdapter, entry) for entry in ENTRIES.values() for name in (entry.name, *entry.aliases)
}
