"""Fetch from the Hugging Face hub: one brief probe, back-off, checksums, and refusals in one line."""

from __future__ import annotations

import errno
import hashlib
import os
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal, TypeVar

from harness.errors import Unavailable
from harness.storage.bounds import leads_outside
from harness.storage.cache import file_digest

Kind = Literal["model", "dataset"]
Answer = TypeVar("Answer")

PROBE_SECONDS = 2.5
WAITS = (1.0, 4.0)
"""Seconds before the second and the third attempt; the hub's own client tries several times within each."""
_BUSY = (408, 429, 500, 502, 503, 504)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class NotFetched(Unavailable):
    """The hub did not give what was asked for; ``absent`` where it has no such thing, or hides it."""

    def __init__(self, reason: str, absent: bool = False) -> None:
        super().__init__(reason)
        self.absent = absent


def hub_reachable(seconds: float = PROBE_SECONDS) -> bool:
    """Whether the hub answers at all within ``seconds``, name resolution included; proxies are honoured."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    answered = threading.Event()

    def ask() -> None:
        request = urllib.request.Request(constants.ENDPOINT, method="HEAD")
        try:
            urllib.request.urlopen(request, timeout=seconds).close()
        except urllib.error.HTTPError:
            pass  # a refusal is an answer
        except OSError:
            return
        answered.set()

    # a daemon thread, because resolving a name has no timeout of its own
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return answered.is_set()


def go_offline() -> None:
    """Nothing in this process or those it starts asks the hub from here on."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    if constants := sys.modules.get("huggingface_hub.constants"):
        constants.HF_HUB_OFFLINE = True  # type: ignore[attr-defined]  # read from the environment once


def cached(identifier: str, revision: str | None, patterns: Sequence[str], kind: Kind = "model") -> Path | None:
    """The folder of a snapshot in the local cache; asks no network. It may be incomplete."""
    from huggingface_hub import snapshot_download

    with suppress(OSError, ValueError):
        return Path(
            snapshot_download(
                identifier, revision=revision, repo_type=kind, allow_patterns=list(patterns), local_files_only=True
            )
        )
    return None


def sizes(identifier: str, revision: str | None, patterns: Sequence[str], kind: Kind = "model") -> dict[str, int]:
    """Bytes of every file that :func:`fetch` would bring, by its name; raises as it does."""
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile
    from huggingface_hub.utils import filter_repo_objects

    def ask() -> dict[str, int]:
        tree = HfApi().list_repo_tree(identifier, recursive=True, revision=revision, repo_type=kind)
        found = {entry.path: entry.size for entry in tree if isinstance(entry, RepoFile)}
        return {name: found[name] for name in filter_repo_objects(found, allow_patterns=list(patterns))}

    return _patiently(ask, identifier, revision, kind)


def fetch(identifier: str, revision: str | None, patterns: Sequence[str], kind: Kind = "model") -> Path:
    """The folder of a snapshot, downloaded where it is not in the cache; what is cut off goes on where it stopped.

    Raises:
        NotFetched: it cannot be had, or not whole; one line says why and what to do.
    """
    from huggingface_hub import snapshot_download

    def download() -> Path:
        with _bars_on_a_terminal():
            folder = Path(
                snapshot_download(identifier, revision=revision, repo_type=kind, allow_patterns=list(patterns))
            )
        remove_damaged(folder)
        return folder

    return _patiently(download, identifier, revision, kind)


def remove_damaged(snapshot: Path) -> None:
    """Compare the files of a snapshot with the checksums that they are stored under; remove those that differ.

    Raises:
        ValueError: names a file that was removed.
    """
    damaged = []
    for file in sorted(path for path in snapshot.rglob("*") if path.is_file()):
        blob = file.resolve()
        if not _is_whole(blob):
            damaged.append(file.relative_to(snapshot))
            file.unlink()
            if not leads_outside(blob, snapshot.parents[1]):  # a link may lead anywhere
                blob.unlink(missing_ok=True)
    if damaged:
        raise ValueError(f"the checksum of {damaged[0]} is not that of the hub")


def _is_whole(blob: Path) -> bool:
    """The cache names large files by their SHA-256 and small ones by the SHA-1 that git gives them."""
    name = blob.name
    if len(name) == 64 and set(name) <= set("0123456789abcdef"):
        return file_digest(blob) == name
    if len(name) == 40 and set(name) <= set("0123456789abcdef"):
        content = blob.read_bytes()
        return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest() == name
    return True


def _patiently(ask: Callable[[], Answer], identifier: str, revision: str | None, kind: Kind) -> Answer:
    for wait in (*WAITS, None):
        try:
            return ask()
        except Exception as error:  # the hub's client lets errors of several libraries through
            refusal, again = _understood(error, identifier, revision, kind)
            if wait is None or not again:
                raise refusal from error
            time.sleep(wait)
    raise AssertionError  # the last attempt returns or raises


def _understood(error: Exception, identifier: str, revision: str | None, kind: Kind) -> tuple[NotFetched, bool]:
    """What happened and what to do, in one line, and whether another attempt may end differently."""
    from huggingface_hub import constants
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    chain = list(_causes(error))
    if any(isinstance(cause, OSError) and cause.errno in _NO_ROOM for cause in chain):
        return NotFetched(
            f"no room for {identifier} in {constants.HF_HUB_CACHE}: free some space, or set HF_HOME to another disk"
        ), False
    page = f"{constants.ENDPOINT}/{'datasets/' if kind == 'dataset' else ''}{identifier}"
    for cause in chain:
        if isinstance(cause, GatedRepoError):
            return NotFetched(
                f"{identifier} is gated: accept its conditions at {page}, then run `hf auth login`"
            ), False
        if isinstance(cause, RevisionNotFoundError):
            return NotFetched(f"{identifier} has no revision {revision} on the hub (404)", absent=True), False
        if isinstance(cause, RepositoryNotFoundError):
            return NotFetched(
                f"the hub has no {kind} {identifier}, or it is private (404): check {page}, or run `hf auth login`",
                absent=True,
            ), False
        if isinstance(cause, OfflineModeIsEnabled):
            return NotFetched("HF_HUB_OFFLINE is set"), False
        if isinstance(cause, HfHubHTTPError) and (response := cause.response) is not None:
            busy = response.status_code in _BUSY
            said = "asks to wait, or fails" if busy else "refuses"
            return NotFetched(f"{constants.ENDPOINT} {said} ({response.status_code}): try again later"), busy
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return NotFetched(f"{reason}: run the same command again to go on"), True


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@contextmanager
def _bars_on_a_terminal() -> Iterator[None]:
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    silenced = not sys.stderr.isatty() and not are_progress_bars_disabled()
    if silenced:
        disable_progress_bars()
    try:
        yield
    finally:
        if silenced:
            enable_progress_bars()
