"""The manifest of every named dataset: source, licence, file and hash (``manifests.toml``)."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from harness.datasets.records import DatasetCard, Split
from harness.errors import InputError
from harness.names import DatasetName
from harness.storage.cache import file_digest


class Manifest(BaseModel):
    """A named dataset. It is embedded in the package, a file below ``$HARNESS_DATA``, or a set of the hub or a part of
    one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: DatasetName
    summary: str
    source: str
    licence: str
    simulated: bool = False
    embedded: str | None = Field(None, description="module:function below harness.datasets that makes it")
    file: str | None = Field(None, description="path below $HARNESS_DATA")
    sha256: str | None = None
    records: int | None = None
    splits: dict[str, Split] | None = Field(None, description="value of the split column -> split")
    left_out: tuple[str, ...] = Field((), description="values of the split column whose records are no part of it")
    columns: dict[str, str] = Field(default_factory=dict, description="field -> column")
    family_pattern: str | None = Field(None, description="regular expression on the id; its group is the family")
    hub: str | None = Field(
        None, description="hub id of the same set, used where the file is absent; where there is none, of the whole"
    )

    @property
    def card(self) -> DatasetCard:
        return DatasetCard(self.name, self.summary, self.source, self.licence, self.simulated)


@cache
def manifests() -> dict[str, Manifest]:
    """Name -> manifest, hub ids included, in the order of the file."""
    text = Path(__file__).with_name("manifests.toml").read_text(encoding="utf-8")
    return {name: Manifest(name=name, **fields) for name, fields in tomllib.loads(text).items()}


def check_hash(path: Path, manifest: Manifest) -> None:
    """Refuse a file that is not the one that the manifest describes.

    Raises:
        InputError: another sha256.
    """
    if (found := file_digest(path)) != manifest.sha256:
        raise InputError(
            f"{path} is another version of {manifest.name}: sha256 {found}, expected {manifest.sha256}; "
            "replace the file, or copy it elsewhere and give its path to use it anyway"
        )
