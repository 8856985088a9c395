"""Datasets from the Hugging Face hub: the local cache first, then, after one short probe, the network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from harness.datasets import tables
from harness.datasets.manifest import Manifest, manifests
from harness.datasets.records import Dataset, DatasetCard, build_dataset
from harness.errors import InputError, Unavailable, did_you_mean
from harness.storage.bounds import check_parquet
from harness.storage.hub import NotFetched, cached, fetch, hub_reachable

if TYPE_CHECKING:
    import pandas

FILES = ["*.parquet", "README.md"]  # the README names configurations and splits


def load(identifier: str, manifest: Manifest | None = None) -> Dataset:
    """The records of a hub dataset in Parquet, at the newest revision that the cache or the hub has.

    Its own split column wins over the hub's splits, and a set that the hub keeps as one split has none. Where ids
    repeat, as in Rfam, whose families share sequences, the family leads them.

    Raises:
        InputError: the hub has no such set, or it lacks a column.
        Unavailable: it is not in the local cache and the hub cannot be reached, and says which command fetches it; or
            the optional library ``datasets`` is missing.
    """
    snapshot = _snapshot(identifier)
    card = manifest.card if manifest else DatasetCard(identifier, "a dataset from the Hugging Face hub")
    source = f"https://huggingface.co/datasets/{identifier}@{snapshot.name}"
    frame = _frame(snapshot, identifier)
    try:
        if manifest and manifest.left_out:
            frame = _part(frame, manifest)
        rows = tables.records(frame, manifest.columns if manifest else None, manifest.splits if manifest else None)
        return build_dataset(DatasetCard(card.name, card.summary, source, card.licence), rows)
    except InputError as error:
        raise InputError(f"hub dataset {identifier}: {error}") from error


def _part(frame: pandas.DataFrame, manifest: Manifest) -> pandas.DataFrame:
    """The rows of the splits that a manifest keeps.

    Raises:
        InputError: it has no column of splits, or one that is kept has no row: the set has changed.
    """
    column = manifest.columns["split"]
    if column not in frame:
        raise InputError(f"no column {column!r}; found {', '.join(map(str, frame.columns))}")
    if missing := set(manifest.splits or ()) - set(frame[column]):
        raise InputError(f"no record has the split {', '.join(sorted(missing))}, which {manifest.name} is made of")
    return frame[~frame[column].isin(manifest.left_out)]


def is_cached(identifier: str) -> bool:
    """Whether the local hub cache holds a snapshot; asks no network."""
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE) / f"datasets--{identifier.replace('/', '--')}" / "snapshots"
    return any(folder.glob("*/**/*.parquet"))


def _snapshot(identifier: str) -> Path:
    from huggingface_hub import constants

    if (folder := cached(identifier, None, FILES, "dataset")) is not None:
        return folder
    command = f"hf download --repo-type dataset {identifier}"
    if not hub_reachable():
        raise Unavailable(
            f"hub dataset {identifier} is not in the local cache and {constants.ENDPOINT} cannot be reached: "
            f"run `{command}` on a networked machine, or copy its cache folder to {constants.HF_HUB_CACHE}"
        )
    try:
        return fetch(identifier, None, FILES, "dataset")
    except NotFetched as error:
        if error.absent:
            raise InputError(
                f"the hub has no dataset {identifier!r}.{did_you_mean(identifier, manifests())}"
            ) from error
        raise Unavailable(f"hub dataset {identifier} cannot be fetched ({error}): try `{command}`") from error


def _check_card(snapshot: Path, identifier: str) -> None:
    """Refuse a README that takes its data from elsewhere, such as another folder of this machine.

    Raises:
        InputError: it does, or cannot be read.
    """
    import yaml

    readme = snapshot / "README.md"
    text = readme.read_text(encoding="utf-8", errors="replace") if readme.is_file() else ""
    _, dashes, rest = text.partition("---")
    if not dashes:
        return
    try:
        stated = yaml.safe_load(rest.partition("\n---")[0])
    except yaml.YAMLError as error:
        raise InputError(f"hub dataset {identifier}: its README.md cannot be read: {_one_line(error)}") from error
    configurations = stated.get("configs") if isinstance(stated, dict) else None
    for name in _texts_in(configurations):
        if "://" in name or "::" in name or name.startswith(("/", "~")) or ".." in name.split("/"):
            raise InputError(f"hub dataset {identifier}: its README.md takes data from {name!r}, outside the dataset")


def _texts_in(document: object) -> Iterator[str]:
    if isinstance(document, str):
        yield document
    elif isinstance(document, dict | list):
        for part in document.values() if isinstance(document, dict) else document:
            yield from _texts_in(part)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _frame(snapshot: Path, identifier: str) -> pandas.DataFrame:
    import pandas

    try:
        import datasets
    except ImportError as error:
        raise Unavailable(f"{identifier} needs the datasets library: pip install 'rna-harness[hub]'") from error
    _check_card(snapshot, identifier)
    for file in sorted(snapshot.rglob("*.parquet")):
        check_parquet(file, f"hub dataset {identifier}: {file.name}", file.stat().st_size)
    try:
        splits = datasets.load_dataset(str(snapshot))
    except Exception as error:  # configurations, damaged files, foreign formats: each raises its own
        raise InputError(f"hub dataset {identifier} cannot be read: {_one_line(error)}") from error
    frames = []
    for split, rows in splits.items():
        part = rows.to_pandas()
        if len(splits) > 1 and "split" not in part:
            part["split"] = str(split)
        frames.append(part)
    frame: pandas.DataFrame = pandas.concat(frames, ignore_index=True)
    if {"id", "family"} <= set(frame) and frame["id"].duplicated().any():
        frame["id"] = frame["family"].astype(str) + "|" + frame["id"].astype(str)
    return frame
