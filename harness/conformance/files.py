"""Laws of the files that a model is built from: they are read, and its identity depends on them."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from harness.conformance.law import Finding, law
from harness.conformance.subject import TOLERANCE, NotJudged, Outputs, Subject, largest_difference
from harness.errors import HarnessError
from harness.storage.weights import safetensors_files

CHANGED_TENSORS = 3
"""The largest ones of a file: a single one may belong to a head that nothing reads."""
_NO_FOLDER = "no weights folder is known: give --weights, or define weights_folder in the adapter"


@law("weights-read")
def weights_read(subject: Subject) -> Finding:
    """Changing the weights changes identity and output; copying them changes neither."""
    folder = subject.folder
    if folder is None:
        return Finding(None, None, "a random twin has no files" if subject.card.role != "model" else _NO_FOLDER)
    files = safetensors_files(folder)
    if not files:
        return Finding(None, None, "its folder contains no safetensors file")
    own = _made_from(subject, subject.options.weights)
    if own[0] != subject.identity:
        raise NotJudged("two instances of the model have different identities: see identity")
    with _copy(folder) as copy:
        identity, outputs = _made_from(subject, copy)
        if identity != own[0]:
            return Finding(
                False, None, "a copy of the same files has a different identity: does it depend on the path?"
            )
        if (figure := largest_difference(own[1], outputs)[0]) > TOLERANCE:
            return Finding(False, figure, "a copy of the same files gives different output")
        if shutil.disk_usage(copy).free < files[0].stat().st_size:
            return Finding(
                None, None, f"not enough disk space for a copy of {files[0].name} in {tempfile.gettempdir()}"
            )
        changed = _own_copy(copy / files[0].name)
        _reverse_largest_tensors(changed)
        identity, outputs = _made_from(subject, copy)
    figure = largest_difference(own[1], outputs)[0]
    if not figure > TOLERANCE:
        return Finding(False, figure, "changed weights give the same output: are they loaded?")
    if identity == own[0]:
        return Finding(False, figure, "changed weights have the same identity: hash them (weights_digest)")
    return Finding(True, figure, "change of the output with changed weights")


@law("vocabulary-read")
def vocabulary_read(subject: Subject) -> Finding:
    """Letters are numbered as in the tokenizer's file: a different numbering changes the output, or is refused."""
    folder = subject.folder
    if folder is None:
        return Finding(None, None, "a random twin has no files" if subject.card.role != "model" else _NO_FOLDER)
    letters = {*subject.letters, subject.unknown, *("T" if "U" in subject.letters else "")}
    own = subject.identity, subject.run([subject.probe])
    with _copy(folder) as copy:
        renumbered = [path.name for path in (copy / "vocab.txt", copy / "tokenizer.json") if _renumber(path, letters)]
        if not renumbered:
            return Finding(
                None, None, "its folder contains neither a vocab.txt nor a tokenizer.json that lists letters"
            )
        said = " and ".join(renumbered)
        try:
            identity, outputs = _made_from(subject, copy)
        except HarnessError as error:
            return Finding(True, None, f"a renumbered {said} is refused ({type(error).__name__})")
    figure = largest_difference(own[1], outputs)[0]
    if not figure > TOLERANCE:
        return Finding(False, figure, f"letters are not numbered by {said}: wrong vocabulary order?")
    if identity == own[0]:
        return Finding(False, figure, f"a renumbered {said} changes the output but not the identity")
    return Finding(True, figure, f"change of the output with a renumbered {said}")


@contextmanager
def _copy(folder: Path) -> Iterator[Path]:
    """A folder of links to the files of another."""
    with tempfile.TemporaryDirectory() as temporary:
        for path in folder.iterdir():
            (Path(temporary) / path.name).symlink_to(path.resolve())
        yield Path(temporary)


def _own_copy(link: Path) -> Path:
    """The link replaced by a copy of its file, which may be written to."""
    original = link.resolve()
    link.unlink()
    shutil.copyfile(original, link)
    return link


def _made_from(subject: Subject, folder: Path | None) -> tuple[str, list[Outputs]]:
    return subject.told_by(subject.make(replace(subject.options, weights=folder)), [subject.probe])


def _reverse_largest_tensors(path: Path) -> None:
    """Turn tensors back to front in place: other weights, as large as before in every number format."""
    with open(path, "rb") as file:
        start = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(start))
    tensors = [tensor for name, tensor in header.items() if name != "__metadata__" and prod(tensor["shape"])]
    file_content = np.memmap(path, dtype=np.uint8, mode="r+")
    content = file_content[8 + start :]
    for tensor in sorted(tensors, key=lambda tensor: prod(tensor["shape"]))[-CHANGED_TENSORS:]:
        first, end = tensor["data_offsets"]
        values = content[first:end].reshape(prod(tensor["shape"]), -1)
        values[:] = values[::-1].copy()
    file_content.flush()


def _renumber(path: Path, letters: set[str]) -> bool:
    """Turn the numbers of all tokens made of letters back to front; False where there is nothing to turn."""
    if not path.is_file():
        return False
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".txt":
        tokens = text.split()
        numbers = {token: number for number, token in enumerate(tokens)}
    else:
        document: Any = json.loads(text)
        numbers = document["model"].get("vocab")
        if not isinstance(numbers, dict):
            return False
    of_letters = [token for token in numbers if letters.issuperset(token)]
    if len(of_letters) < 2:
        return False
    numbers |= dict(zip(of_letters, [numbers[token] for token in reversed(of_letters)], strict=True))
    if path.suffix == ".txt":
        text = "\n".join(sorted(numbers, key=lambda token: numbers[token])) + "\n"
    else:
        text = json.dumps(document)
    path.unlink()  # a link: the file itself stays as it is
    path.write_text(text, encoding="utf-8")
    return True


LAWS = (weights_read, vocabulary_read)
