"""Checks of outside text that is shown or stored: names of models, tasks and datasets, labels of records, any text.

Names become folders of results, so they are letters, digits and ``- _ .``, and no two of them share a folder. Labels
(ids, families, clusters) come from scientific files and may hold whatever can be printed.
"""

from __future__ import annotations

import re
import unicodedata
from functools import partial
from typing import Annotated, Literal

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from harness.errors import InputError

LONGEST_NAME = 100
LONGEST_LABEL = 500

Kind = Literal["model", "task", "dataset"]

# neither -- nor .. : the first stands for the slash of a hub id in a folder's name
_PLAIN = r"(?!\S*(--|\.\.))[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?"
_VARIANT = r"(:|:random(:(0|[1-9][0-9]{0,8}))?)?"
_PATTERNS: dict[Kind, re.Pattern[str]] = {
    # my_random_1 would share a folder with my:random:1
    "model": re.compile(rf"(?!\S+_random(_[0-9]+)?$){_PLAIN}{_VARIANT}"),
    "task": re.compile(_PLAIN),
    "dataset": re.compile(rf"{_PLAIN}(/{_PLAIN})?"),
}
_EXTRA: dict[Kind, str] = {
    "model": "; it may not end in _random, which is reserved for NAME:random",
    "task": "",
    "dataset": "; owner/name is a dataset on the hub",
}


def fault_of_name(kind: Kind, name: str) -> str | None:
    """What is wrong with the name of a model, task or dataset, in one line; None if it can be used."""
    if len(name) <= LONGEST_NAME and _PATTERNS[kind].fullmatch(name):
        return None
    return (
        f"{_quoted(name)} is not a valid {kind} name: use letters (A to Z), digits, and - _ . between them "
        f"(not -- or ..), at most {LONGEST_NAME} characters{_EXTRA[kind]}"
    )


def check_name(kind: Kind, name: str) -> None:
    """Refuse a name that cannot be used.

    Raises:
        InputError: the name is not valid; the message gives the rule.
    """
    if fault := fault_of_name(kind, name):
        raise InputError(fault)


def _valid(kind: Kind, name: str) -> str:
    if fault := fault_of_name(kind, name):
        raise PydanticCustomError("name", "{fault}", {"fault": fault})
    return name


ModelName = Annotated[str, AfterValidator(partial(_valid, "model"))]
TaskName = Annotated[str, AfterValidator(partial(_valid, "task"))]
DatasetName = Annotated[str, AfterValidator(partial(_valid, "dataset"))]


def folder_name(name: str) -> str:
    """The folder of a model, task or dataset: no two valid names share one, and none leaves its parent."""
    return name.replace(":", "_").replace("/", "--")


def name_from(text: str) -> str | None:
    """The valid name closest to a text such as a file's stem; None if the text has no ASCII letter or digit."""
    bare = (letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", "".join(bare))
    name = re.sub(r"\.{2,}", ".", re.sub(r"-{2,}", "-", name))
    return name.lstrip("._-")[:LONGEST_NAME].rstrip("._-") or None


def check_label(what: str, text: str) -> None:
    """Refuse an id or a family that is too long, or that holds what cannot be printed (control characters).

    Raises:
        InputError: names the label.
    """
    if len(text) > LONGEST_LABEL:
        raise InputError(f"{what} {_quoted(text)} has {len(text)} letters, more than {LONGEST_LABEL}: shorten it")
    if not text.isprintable() and (foreign := next(filter(_is_unprintable, text), None)) is not None:
        raise InputError(f"{what} {_quoted(text)} contains {foreign!r}, which is not printable: remove it")


def printable(text: str) -> str:
    """The text with control characters, such as those that colour a terminal, spelled out as in ``\\x1b``."""
    if text.isprintable():
        return text
    return "".join(repr(letter)[1:-1] if _is_unprintable(letter) else letter for letter in text)


def _is_unprintable(letter: str) -> bool:
    """Control, format (text that runs backwards), surrogate and unassigned characters, and ends of lines."""
    category = unicodedata.category(letter)
    return category[0] == "C" or category in ("Zl", "Zp")


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}…")
