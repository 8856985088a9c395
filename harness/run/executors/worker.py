"""A worker process of the local executor. Imports nothing heavy before it works: threads are counted at that time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.progress import Progress
    from harness.run.cell import Cell
    from harness.run.helping import Help
    from harness.run.spec import CellSpec

    Item = CellSpec | tuple[Help, ...]


def work(connection: Connection, plugins: Sequence[Path], results: Path, device: str, force: bool, debug: bool) -> None:
    """Run the specs that come in, one by one, and send back a record, or a line that says why there is none.

    Cells to be helped come last, and nothing is sent back for them. Lines for the user are sent as ``(line,)``. The
    process ends when the other side closes the connection or dies, in the middle of a cell too: what it leaves is what
    any kill leaves.
    """
    os.dup2(2, 1)  # what a library prints is no part of the results
    inbox: SimpleQueue[Item] = SimpleQueue()
    Thread(target=_listen, args=(connection, inbox), daemon=True).start()
    from harness.progress import Relayed
    from harness.run.executors.serial import serial

    progress = Relayed(lambda line: connection.send((line,)), debug)
    try:
        for record in serial(_cells(inbox, connection, plugins, device, progress), results, device, progress, force):
            connection.send(record)
    except OSError:
        os._exit(1)  # nobody listens any more


def _listen(connection: Connection, inbox: SimpleQueue[Item]) -> None:
    try:
        while True:
            inbox.put(connection.recv())
    except (EOFError, OSError):
        os._exit(0)


def _cells(
    inbox: SimpleQueue[Item], connection: Connection, plugins: Sequence[Path], device: str, progress: Progress
) -> Iterator[Cell]:
    from harness.errors import HarnessError
    from harness.run.helping import embed_for
    from harness.run.spec import Resolver
    from harness.storage.hub import go_offline

    go_offline()  # whoever planned the cells has fetched what they need
    resolver: Any = None
    while True:
        item = inbox.get()
        try:
            resolver = resolver or Resolver(plugins)
            if isinstance(item, tuple):
                embed_for(item, resolver, device, progress)
            cell = resolver.cell(item)
        except Exception as error:
            connection.send(str(error) if isinstance(error, HarnessError) else f"{type(error).__name__}: {error}")
            continue
        yield cell
