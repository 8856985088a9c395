"""The folder that ``precomputed:FOLDER`` reads: its manifest and its arrays. ``docs/precomputed.md`` is the format."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.adapter import Alphabet
from harness.datasets.records import normalise_sequence
from harness.errors import HarnessError, InputError, Unavailable
from harness.names import ModelName
from harness.storage.bounds import check_zip

MANIFEST = "manifest.json"
DOCUMENTATION = "docs/precomputed.md"

LayerNumber = Annotated[str, Field(pattern=r"^(0|[1-9]\d*)$")]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Arrays(_Strict):
    """The arrays of one sequence; each is named ``FILE`` or ``FILE#KEY``, relative to the folder or absolute."""

    sequence: str = Field(min_length=1)
    attention: str | None = None
    """(layers, heads, length, length), or (layers · heads, length, length) with the heads of a layer together."""
    hidden_states: dict[LayerNumber, str] = {}
    """Layer, 0 for the embedding output, to an array (length, width)."""


class ArrayManifest(_Strict):
    """What ``manifest.json`` says."""

    format: Literal[1]
    name: Annotated[ModelName, Field(pattern="^[^:]*$")]
    summary: str = "arrays computed elsewhere"
    alphabet: Alphabet = "nucleotide"
    layers: int = Field(gt=0)
    heads: int | None = Field(default=None, gt=0)
    width: int | None = Field(default=None, gt=0)
    licence: str = "unknown"
    citation: str = ""
    sequences: tuple[Arrays, ...] = Field(min_length=1)


def read_manifest(folder: Path) -> ArrayManifest:
    """The manifest of a folder, its sequences normalised like those of a dataset.

    Raises:
        InputError: the manifest is missing, not JSON, or wrong in a field; a sequence occurs twice.
    """
    path = folder / MANIFEST
    try:
        manifest = ArrayManifest.model_validate_json(path.read_bytes())
    except OSError:
        raise InputError(f"{folder} contains no {MANIFEST}: {DOCUMENTATION} describes the format") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path}: {where + ': ' if where else ''}{first['msg']} (see {DOCUMENTATION})") from None
    if manifest.alphabet == "nucleotide":
        sequences = tuple(
            arrays.model_copy(update={"sequence": normalise_sequence(arrays.sequence, f"{path}, sequence {number}")[0]})
            for number, arrays in enumerate(manifest.sequences, 1)
        )
        manifest = manifest.model_copy(update={"sequences": sequences})
    _check(manifest, path)
    return manifest


def _check(manifest: ArrayManifest, path: Path) -> None:
    seen: set[str] = set()
    for arrays in manifest.sequences:
        if arrays.sequence in seen:
            raise InputError(f"{path}: sequence {abbreviated(arrays.sequence)} occurs twice")
        seen.add(arrays.sequence)
        if beyond := [layer for layer in arrays.hidden_states if int(layer) > manifest.layers]:
            raise InputError(f"{path}: hidden states of layer {beyond[0]}, but the model has {manifest.layers} layers")
        if arrays.attention and manifest.heads is None:
            raise InputError(f'{path}: attention needs the number of heads: add "heads"')
        if arrays.hidden_states and manifest.width is None:
            raise InputError(f'{path}: hidden states need their width: add "width"')


def abbreviated(sequence: str) -> str:
    """A sequence as it fits into a message."""
    return sequence if len(sequence) <= 40 else f"{sequence[:37]}… ({len(sequence)} letters)"


@contextmanager
def open_array(path: Path, key: str) -> Iterator[Any]:
    """One array of a file: has ``shape`` and ``dtype``, and is read as it is sliced where the format allows it.

    Args:
        path: ``.npy``, ``.npz``, ``.safetensors``, ``.h5`` or ``.hdf5``.
        key: name of the array within the file; empty for ``.npy``.

    Raises:
        InputError: the file is missing, damaged or of another format, has no such array, or its values are no numbers.
        Unavailable: HDF5 without the package h5py.
    """
    if not path.is_file():
        raise InputError(f"{path} does not exist: {MANIFEST} names it")
    with ExitStack() as stack:
        try:
            array = _open(path, key, stack)
        except HarnessError:
            raise
        except Exception as error:  # four libraries, each with errors of its own
            raise InputError(f"{path} cannot be read as {path.suffix}: {' '.join(str(error).split())[:200]}") from error
        if array.dtype.kind not in "fiu":
            raise InputError(f"{_place(path, key)} contains {array.dtype}, not numbers")
        yield array


def _open(path: Path, key: str, stack: ExitStack) -> Any:
    import numpy as np

    suffix = path.suffix.lower()
    if suffix == ".npy":
        if key:
            raise InputError(f"{path} contains one array: name it without #{key}")
        return np.load(path, mmap_mode="r", allow_pickle=False)
    if suffix == ".npz":
        check_zip(path)
        arrays = stack.enter_context(np.load(path, allow_pickle=False))
        return arrays[_known(key, arrays.files, path)]
    if suffix == ".safetensors":
        from safetensors import safe_open

        tensors = stack.enter_context(safe_open(path, framework="numpy"))
        return tensors.get_tensor(_known(key, tensors.keys(), path))
    if suffix in (".h5", ".hdf5"):
        try:
            import h5py
        except ImportError:
            raise Unavailable(f"{path} needs a package that is not installed: run `pip install h5py`") from None
        file = stack.enter_context(h5py.File(path, "r"))
        datasets: list[str] = []
        file.visititems(lambda name, item: datasets.append(name) if isinstance(item, h5py.Dataset) else None)
        return file[_known(key, datasets, path)]
    raise InputError(f"{path} is not .npy, .npz, .safetensors, .h5 or .hdf5")


def _known(key: str, names: list[str], path: Path) -> str:
    if key not in names:
        raise InputError(f"{path} has no array {key!r}: write FILE#KEY with one of {', '.join(sorted(names)[:5])}")
    return key


def _place(path: Path, key: str) -> str:
    return f"{path}#{key}" if key else str(path)
