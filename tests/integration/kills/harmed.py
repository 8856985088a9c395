"""Files that are damaged, disks that fill up and folders that become read-only, at some point of a command."""

from __future__ import annotations

import ctypes
import os
import random
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.result import read_records
from tests.integration.kills.commands import SETTINGS, Command, Facts, done_once, ended, forked, killed_within
from tests.integration.kills.killed import TOGETHER, Undisturbed

_NEW_NAMESPACES = 0x00020000 | 0x10000000  # of mounts and of users
_REMOUNT = 32
_CAPABILITY_VERSION = 0x20080522
_CANNOT_MOUNT = 77
_libc = ctypes.CDLL(None, use_errno=True)


def damage(number: int, results: Path, undisturbed: Undisturbed, draw: random.Random) -> dict[str, Any]:
    """A file of a killed command: partial state, shards of the activation store, or a finished cell."""
    tasks = ("structure-f1", "overlap-ratio", "overlap-ratio", "sae-families")
    command = Command((("ncrna-nano", tasks[number % len(tasks)]),))
    os.environ["HARNESS_STORE"] = (
        "1GB"  # states are those of sequences one at a time, so the undisturbed run has it too
    )
    cache = os.environ["HARNESS_CACHE"]
    try:
        expected, seconds = undisturbed(command, "stored")
        os.environ["HARNESS_CACHE"] = str(results.with_suffix(".cache"))
        pid = command.start(results)
        killed = killed_within(pid, draw.uniform(0.2 * seconds, 1.2 * seconds), lambda: [pid]) is not None
        ended(pid)
        harmed = []
        for _ in range(draw.randint(1, 3)):
            folders = [results, results.with_suffix(".cache") / "activations"]
            files = [file for folder in folders for file in sorted(folder.rglob("*")) if file.is_file()]
            files = [file for file in files if file.stat().st_size and file.suffix != ".lock"]
            if files:
                harmed.append(f"{_harm(file := draw.choice(files), draw)} {file.name}")
        assert ended(command.start(results)) == 0
        assert Facts.of(results) == expected, f"{results} differs after {harmed}"
    finally:
        del os.environ["HARNESS_STORE"]
        os.environ["HARNESS_CACHE"] = cache
    return {"task": command.cells[0][1], "killed": killed, "harmed": harmed}


def _harm(file: Path, draw: random.Random) -> str:
    content = bytearray(file.read_bytes())
    if draw.random() < 0.4:
        file.write_bytes(content[: draw.randrange(len(content))])
        return "cut short"
    for _ in range(draw.choice((1, 1, 20))):
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    file.write_bytes(content)
    return "altered"


def full(number: int, results: Path, undisturbed: Undisturbed, draw: random.Random) -> dict[str, Any]:
    """The results lie on a disk of some kilobytes, then on a larger one."""
    command = _any(number)
    expected, _ = undisturbed(command)
    most = sum(1 + os.path.getsize(undisturbed.place(command) / file) // 4096 for file in expected.files)
    pages = draw.randrange(1, 2 * most)

    def run() -> int:
        _mount(results, f"size={pages * 4096}")
        code = ended(command.start(results))
        assert code in (0, 1), code
        assert not read_records(results)[1]
        _mount(results, "size=1g", _REMOUNT)
        return _again(command, results, expected, code)

    return {"kilobytes": 4 * pages, "filled it": _in_a_namespace(run, results)}


def read_only(number: int, results: Path, undisturbed: Undisturbed, draw: random.Random) -> dict[str, Any]:
    """The folders of the results become read-only, and then can be written again."""
    command = _any(number)
    expected, seconds = undisturbed(command)
    results.mkdir()

    def run() -> int:
        _drop_privileges()
        return command.run(results)

    pid = forked(run)
    time.sleep(moment := draw.uniform(0, seconds))
    _change_folders(results, 0o555)
    code = ended(pid)
    _change_folders(results, 0o755)
    assert code in (0, 1), code
    assert not read_records(results)[1]
    return {"seconds": round(moment, 2), "stopped it": bool(_again(command, results, expected, code))}


def _drop_privileges() -> None:
    """Root may write to read-only folders, by a capability that it can give up."""
    header, nothing = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0), (ctypes.c_uint32 * 6)()
    assert _libc.capset(header, nothing) == 0, os.strerror(ctypes.get_errno())


def _change_folders(top: Path, mode: int) -> None:
    top.chmod(mode)
    for folder, inner, _ in os.walk(top):
        for name in inner:
            with suppress(FileNotFoundError):
                Path(folder, name).chmod(mode)


def _any(number: int) -> Command:
    tasks = list(SETTINGS)
    return Command(TOGETHER, 2) if number % 3 == 2 else Command((("ncrna-nano", tasks[number % len(tasks)]),))


def _again(command: Command, results: Path, expected: Facts, code: int) -> int:
    """Issue the command again; 1 where it was needed, else 0."""
    assert ended(command.start(results)) == 0
    done_once(results, len(command.cells))
    assert Facts.of(results) == expected, f"{results} differs"
    return int(code != 0)


def _in_a_namespace(run: Callable[[], int], results: Path) -> bool | str:
    """Run something that mounts filesystems which nobody else sees."""
    results.mkdir()

    def alone() -> int:
        user, group = os.getuid(), os.getgid()
        if _libc.unshare(_NEW_NAMESPACES):
            return _CANNOT_MOUNT
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            Path("/proc/self", name).write_text(text)
        try:
            return run()
        except AssertionError as error:
            print(f"{error!r}", flush=True)
            return 2

    code = ended(forked(alone))
    assert code in (0, 1, _CANNOT_MOUNT), code
    return "not tried: this system allows no mounts" if code == _CANNOT_MOUNT else bool(code)


def _mount(folder: Path, options: str, flags: int = 0) -> None:
    failed = _libc.mount(b"tmpfs", bytes(folder), b"tmpfs", flags, options.encode())
    assert not failed, os.strerror(ctypes.get_errno())
