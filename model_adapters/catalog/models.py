"""The known models: the TOML files of this folder read into one factory per name. Imports no deep-learning library."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from harness.adapter import ModelFactory
from model_adapters.encoder.adapter import EncoderAdapter
from model_adapters.encoder.entry import Architecture, Entry


def read_catalog(folder: Path) -> dict[str, Entry]:
    """Entries by name, from the ``[architectures.NAME]`` and ``[models.NAME]`` tables of all TOML files of ``folder``.

    Raises:
        pydantic.ValidationError: a field is missing, unknown or of the wrong type.
        KeyError: a model names an architecture that no file describes.
        ValueError: two files describe the same model or architecture.
    """
    document: dict[str, dict[str, Any]] = {"architectures": {}, "models": {}}
    for path in sorted(folder.glob("*.toml")):
        for kind, tables in tomllib.loads(path.read_text(encoding="utf-8")).items():
            if twice := document[kind].keys() & tables:
                raise ValueError(f"{path} describes {', '.join(sorted(twice))} twice")
            document[kind] |= tables
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


ENTRIES: Mapping[str, Entry] = read_catalog(Path(__file__).parent)
MODELS: Mapping[str, ModelFactory] = {
    name: partial(EncoderAdapter, entry) for entry in ENTRIES.values() for name in (entry.name, *entry.aliases)
}
