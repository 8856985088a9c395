"""Calls of a model that several processes embed: whoever makes them offers them, and others take groups of them.

An offer is a file that says what is to be embedded; byte k of it is locked by whoever embeds group k. The system frees
the locks of a process that dies. What was embedded is in the activation store, and only there: an offer can be lost,
altered or left behind without changing a number.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from harness.storage.files import write_text


class Offered(NamedTuple):
    """What is to be embedded: layers, sequences, and groups of their numbers.

    ``computes`` is the hash of everything that decides a state, but layer and sequence.
    """

    computes: str
    layers: list[int]
    sequences: list[str]
    groups: list[list[int]]


class Offer:
    """The open file. A process opens an offer once: closing it frees all locks that the process has on it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW)  # never another file, by a link

    def read(self) -> Offered:
        """Raises ValueError where it is none."""
        try:
            with open(self._handle, encoding="utf-8", closefd=False) as file:
                found = Offered(**json.load(file))
            sound = all(isinstance(own, str) for own in [found.computes, *found.sequences])
            places = {number for group in found.groups for number in group}
            if not sound or places != set(range(len(found.sequences))):
                raise ValueError("not an offer")
        except TypeError as error:
            raise ValueError("not an offer") from error
        return found

    @contextmanager
    def group(self, number: int, wait: bool) -> Iterator[bool]:
        """Have a group to oneself; False where another process has it and is not waited for, or there are no locks."""
        try:
            fcntl.lockf(self._handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB), 1, number)
        except OSError:
            yield False
            return
        try:
            yield True
        finally:
            fcntl.lockf(self._handle, fcntl.LOCK_UN, 1, number)

    @property
    def withdrawn(self) -> bool:
        """Whether nobody needs it any more."""
        return not self.path.exists()

    def close(self) -> None:
        os.close(self._handle)


@contextmanager
def offering(folder: Path, content: Offered) -> Iterator[Offer | None]:
    """Offer something for as long as it takes; None where the file cannot be written, which costs the help alone."""
    text = json.dumps(content._asdict())
    path = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
    offer = None
    try:
        with suppress(OSError):
            write_text(path, text)
            offer = Offer(path)
        yield offer
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        if offer is not None:
            offer.close()
