"""Resolve names, paths and hub ids to datasets, and tell which are available locally."""

from __future__ import annotations

import importlib
import os
from collections.abc import Container
from pathlib import Path

from harness.datasets import hub, readers
from harness.datasets.alignments import with_alignments
from harness.datasets.manifest import Manifest, check_hash, manifests
from harness.datasets.records import Dataset, DatasetCard
from harness.errors import InputError, Unavailable, did_you_mean
from harness.names import fault_of_name, name_from
from harness.storage.cache import file_digest

FAMILY = "#family="
"""Stands between a path and the pattern of its families, so that one string names a dataset in every process."""


def load_dataset(name_or_path: str, taken: Container[str] = ()) -> Dataset:
    """A named set, a file (also relative to ``$HARNESS_DATA``), or a set of the Hugging Face hub (``owner/name``).

    A folder of files with structures, or of tables of mutational scans, is one set. ``PATH#family=PATTERN`` reads the
    families of a file's records from their headers or ids; see :func:`harness.datasets.readers.read`.

    A file that is one of the named sets gets that set's card, and its hash is checked; any other is called after
    itself, and may not be called like one of them, or by one of the names ``taken``. Where a folder
    ``<stem>.alignments`` lies beside a file, it holds the records' alignments, for models that read them.

    Raises:
        InputError: no such name or file, or a file that cannot be used or takes the name of another set.
        Unavailable: a named set that is not on this machine and cannot be fetched.
    """
    name_or_path, given, family_pattern = name_or_path.partition(FAMILY)
    if manifest := manifests().get(name_or_path):
        if given:
            raise InputError(f"{name_or_path} has families of its own: a family pattern is for files")
        return _load_named(manifest)
    if path := find_file(name_or_path):
        manifest = None if given else _recognise(path)
        name = name_from(readers.stem(path))
        if manifest is None and name is not None and (name in manifests() or name in taken):
            raise InputError(f"{path} would be named {name}, like a registered dataset: rename the file")
        dataset = _read(path, manifest) if manifest else readers.read(path, family_pattern=family_pattern or None)
        if given and not dataset.families:
            raise InputError(
                f"{path}: the family pattern {family_pattern!r} matches no record, such as {dataset.records[0].id!r}"
            )
        beside = path.parent / f"{readers.stem(path)}.alignments"
        return with_alignments(dataset, beside) if beside.is_dir() else dataset
    if _is_path(name_or_path):
        below = f" (nor below HARNESS_DATA={folder})" if (folder := data_folder()) else ""
        raise InputError(f"{name_or_path} does not exist{below}: check the path")
    if "/" in name_or_path and fault_of_name("dataset", name_or_path) is None:
        return hub.load(name_or_path, None)
    raise InputError(
        f"no dataset is called {name_or_path!r}.{did_you_mean(name_or_path, manifests())} "
        "`harness list datasets` lists all; a path or a hub id (owner/name) also works."
    )


def data_folder() -> Path | None:
    """``$HARNESS_DATA``, where it is set."""
    folder = os.environ.get("HARNESS_DATA")
    return Path(folder).expanduser() if folder else None


def dataset_cards() -> list[tuple[DatasetCard, bool]]:
    """Every named set and whether it is on this machine; reads no records."""
    return [(manifest.card, _is_here(manifest)) for manifest in manifests().values()]


def hub_identifier(manifest: Manifest) -> str | None:
    """Where a named set can be fetched; None for one that is a file alone or ships with the package."""
    return manifest.hub or (None if manifest.file or manifest.embedded else manifest.name)


def local_file(manifest: Manifest) -> Path | None:
    """The file of a named set below ``$HARNESS_DATA``, where it is there."""
    folder = data_folder()
    return folder / manifest.file if folder and manifest.file and (folder / manifest.file).is_file() else None


def _is_here(manifest: Manifest) -> bool:
    if manifest.embedded or local_file(manifest):
        return True
    identifier = hub_identifier(manifest)
    return identifier is not None and hub.is_cached(identifier)


def _load_named(manifest: Manifest) -> Dataset:
    if manifest.embedded:
        module, function = manifest.embedded.split(":")
        dataset: Dataset = getattr(importlib.import_module(f"harness.datasets.{module}"), function)()
        return dataset
    if not manifest.file:
        return hub.load(manifest.hub or manifest.name, manifest)
    if (file := local_file(manifest)) is not None:
        return _read(file, manifest)
    folder = data_folder()
    where = (
        f"HARNESS_DATA={folder} does not contain it"
        if folder
        else "HARNESS_DATA is not set: set it to the folder that contains it"
    )
    missing = f"dataset {manifest.name} needs the file {manifest.file}; {where}"
    if not manifest.hub:
        raise Unavailable(missing + f" (source: {manifest.source})")
    try:
        return hub.load(manifest.hub, manifests().get(manifest.hub))
    except Unavailable as error:
        raise Unavailable(f"{missing}; {error}") from error


def _read(path: Path, manifest: Manifest) -> Dataset:
    check_hash(path, manifest)
    return readers.read(
        path,
        columns=manifest.columns,
        splits=manifest.splits,
        family_pattern=manifest.family_pattern,
        card=manifest.card,
    )


def find_file(name: str) -> Path | None:
    """A path as it is, or below ``$HARNESS_DATA``; folders too."""
    path = Path(name).expanduser()
    candidates = [path, *([folder / path] if (folder := data_folder()) else [])]
    return next((candidate for candidate in candidates if candidate.exists()), None)


def _recognise(path: Path) -> Manifest | None:
    """The named set that a file is: by its place below ``$HARNESS_DATA``, elsewhere by its name and hash."""
    folder = data_folder()
    for manifest in manifests().values():
        if not manifest.file or Path(manifest.file).name != path.name or not path.is_file():
            continue
        if folder and (folder / manifest.file).exists() and path.samefile(folder / manifest.file):
            return manifest
        if file_digest(path) == manifest.sha256:
            return manifest
    return None


def _is_path(name: str) -> bool:
    suffix = Path(name.lower().removesuffix(".gz")).suffix
    known = suffix in {suffix for suffixes in readers.FORMATS.values() for suffix in suffixes}
    return known or name.startswith(("/", ".", "~")) or name.count("/") > 1
