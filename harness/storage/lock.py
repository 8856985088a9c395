"""A lock between processes that the system releases when its owner dies for any reason."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def exclusive(path: Path, tell: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock file ``path``, waiting for its owner; ``tell`` is given one line where there is one.

    The file names its owner and is removed at the end; one that a killed process left behind is free to take. Where
    the filesystem has no locks, this is said and nothing is held.

    Raises:
        OSError: the file cannot be made.
    """
    handle = _acquire(path, tell)
    try:
        # the name of the owner is for people: a full disk may leave it out
        with suppress(OSError):
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"process {os.getpid()} on {socket.gethostname()}".encode(), 0)
        yield
    finally:
        # removed while it is held: whoever waits for it finds it gone and makes a new one
        with suppress(OSError):
            path.unlink(missing_ok=True)
        os.close(handle)


def _acquire(path: Path, tell: Callable[[str], None]) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)  # never another file, by a link
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                owner = os.pread(handle, 200, 0).decode(errors="replace") or "another process"
                tell(f"waiting for {owner}, which is working on it")
                fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError as error:
            tell(f"{path.parent} has no file locks ({error.strerror}): do not run the same command twice at once")
            return handle
        except BaseException:
            os.close(handle)
            raise
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), path.stat()):
                return handle
        os.close(handle)
