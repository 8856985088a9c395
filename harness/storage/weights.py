"""Find and hash a model's weights, without reading tensors or importing a deep-learning library."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from harness.errors import InputError, Unavailable
from harness.storage.cache import file_digest
from harness.storage.hub import NotFetched, cached, fetch, hub_reachable

INDEX = "model.safetensors.index.json"
"""Names the parts of weights that are saved in several files."""
_LONGEST_HEADER = 100_000_000
"""Bytes, as the library allows."""
PATTERNS = ["config.json", "vocab.txt", "tokenizer.json", "*.safetensors", INDEX]
"""Files of a model that are fetched: no pickle, no code."""


def find_weights(
    name: str,
    path: Path | None = None,
    packaged: Path | None = None,
    hub_id: str | None = None,
    revision: str | None = None,
    network: bool = True,
) -> Path:
    """The folder with ``config.json`` and safetensors of model ``name``.

    Looked for in this order: ``path``; ``$HARNESS_WEIGHTS/<name>``; the folder that ships with the package; the local
    hub cache; and, if the hub answers one short probe, the hub at the pinned revision (not without ``network``).

    Raises:
        InputError: a folder that the user pointed at lacks something.
        Unavailable: the weights are nowhere; names the command that fetches them.
    """
    if path is not None:
        return _checked(path)
    below = os.environ.get("HARNESS_WEIGHTS")
    if below and (Path(below) / name).exists():
        return _checked(Path(below) / name)
    if packaged is not None and packaged.is_dir() and _problem(packaged) is None:
        return packaged
    reason, fetch = "", ""
    if hub_id is not None:
        found = _from_hub(hub_id, revision, network)
        if isinstance(found, Path):
            return found
        reason = f" ({found})"
        fetch = f"run `hf download {hub_id} --revision {revision or 'main'}` where the hub can be reached, or "
    raise Unavailable(
        f"no weights of {name} on this machine{reason}: {fetch}"
        f"give their folder with --weights PATH (or put it in $HARNESS_WEIGHTS, as {name})"
    )


def weights_digest(folder: Path) -> str:
    """SHA-256 over the contents of ``config.json`` and all safetensors, whatever the files are called."""
    files = [folder / "config.json", *safetensors_files(folder)]
    return hashlib.sha256(json.dumps(sorted(map(file_digest, files))).encode()).hexdigest()


def safetensors_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.safetensors"))


def read_config(folder: Path) -> dict[str, Any]:
    """``config.json``.

    Raises:
        InputError: it is not there or no JSON object.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise InputError(f"{folder} contains no config.json: save the model there with model.save_pretrained(FOLDER)")
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(f"{path} is not a JSON object: {error}") from error


def tensor_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of all tensors by name, from the heads of the files.

    Raises:
        InputError: a file is damaged.
    """
    shapes = {}
    for file in safetensors_files(folder):
        try:
            shapes.update(_shapes_of(file))
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise InputError(f"{file} is damaged ({error}): fetch or copy it again") from error
    return shapes


def _shapes_of(file: Path) -> dict[str, tuple[int, ...]]:
    """Of one file, by hand: naming a model imports neither numpy nor the library, which checks the rest on loading."""
    size = file.stat().st_size
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        if length > min(size, _LONGEST_HEADER):
            raise ValueError("it does not start as safetensors do")
        header = dict(json.loads(opened.read(length)))
    header.pop("__metadata__", None)
    needed = 8 + length + max((int(tensor["data_offsets"][1]) for tensor in header.values()), default=0)
    if needed != size:
        raise ValueError(f"it has {size:,} bytes, and its tensors need {needed:,}")
    return {name: tuple(map(int, tensor["shape"])) for name, tensor in header.items()}


def _from_hub(hub_id: str, revision: str | None, network: bool) -> Path | str:
    """The folder of a complete snapshot, or why there is none."""
    folder = cached(hub_id, revision, PATTERNS)
    if folder is not None and _problem(folder) is None:  # else an interrupted download
        return folder
    if not network:
        return "not in the hub cache"
    if not hub_reachable():
        from huggingface_hub import constants

        return (
            "not in the hub cache, and HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else "the hub does not answer"
        )
    try:
        folder = fetch(hub_id, revision, PATTERNS)
    except NotFetched as error:
        return str(error)
    problem = _problem(folder)
    return folder if problem is None else f"the hub's copy {problem}"


def _problem(folder: Path) -> str | None:
    if not folder.exists():
        return "does not exist"
    if not folder.is_dir():
        return "is a file: give the folder that contains config.json and model.safetensors"
    if not (folder / "config.json").is_file():
        return "contains no config.json: save the model with save_pretrained"
    if not safetensors_files(folder):
        pickled = [*folder.glob("*.bin"), *folder.glob("*.pt"), *folder.glob("*.pth"), *folder.glob("*.ckpt")]
        way = f" (pickles are not read: run `python -m harness.storage.convert {folder}`)" if pickled else ""
        return f"contains no .safetensors file{way}"
    return _missing_part(folder)


def _missing_part(folder: Path) -> str | None:
    index = folder / INDEX
    if not index.is_file():
        return None
    try:
        parts = {str(name) for name in dict(json.loads(index.read_text(encoding="utf-8"))["weight_map"]).values()}
    except (OSError, ValueError, TypeError, KeyError) as error:
        return f"contains a damaged {INDEX} ({type(error).__name__}): fetch or copy it again"
    absent = sorted(parts - {file.name for file in safetensors_files(folder)})
    if not absent:
        return None
    return (
        f"contains {len(parts) - len(absent)} of {len(parts)} parts of the weights, not {absent[0]}: fetch or copy it"
    )


def _checked(folder: Path) -> Path:
    if problem := _problem(folder):
        raise InputError(f"weights {folder} {problem}")
    return folder
