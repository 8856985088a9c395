"""One file of the activation store: states of some sequences at one layer. It describes and checks itself.

Any safetensors reader opens it. Tensors: ``states`` (rows, width) float32, one sequence after the other; for each of
them its key in ``keys``, its number of rows in ``rows`` and the CRC-32 of its bytes in ``checks``; ``check`` is the
CRC-32 of the header and of those three. So every byte is covered, and reading one sequence checks that sequence alone.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.storage.files import atomic_path

KEY_BYTES = 16
_LONGEST_HEADER = 2**16

Keys = NDArray[np.bytes_]
"""(sequences,) of ``S16``: hashes of what the model read."""


class Damaged(ValueError):
    """A shard that is not as it was written, or is gone; says what is wrong in a few words."""


class Shard:
    """A shard on disk. Opening it reads and checks all but the states.

    Raises:
        Damaged: the file is cut short, altered, or not there any more.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as file:
                length = int.from_bytes(file.read(8), "little")
                if not 2 <= length <= _LONGEST_HEADER:
                    raise Damaged("has no header")
                header = file.read(length)
                self._start = 8 + length
                about, shapes = _parsed(header)
                sequences, (rows, self.width) = shapes["keys"][0], shapes["states"]
                if header != _header(about, sequences, rows, self.width):
                    raise Damaged("has an altered header")
                file.seek(self._start + 4 * rows * self.width)
                index = file.read()
        except OSError as error:
            raise Damaged(f"cannot be read ({error.strerror})") from error
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise error if isinstance(error, Damaged) else Damaged("has an altered header") from error
        if len(index) != (KEY_BYTES + 16) * sequences + 8:
            raise Damaged("is cut short")
        if zlib.crc32(index[:-8], zlib.crc32(header)) != int.from_bytes(index[-8:], "little"):
            raise Damaged("has an altered index")
        self.about: Mapping[str, str] = about
        self.keys: Keys = np.frombuffer(index, f"S{KEY_BYTES}", sequences)
        self.rows: NDArray[np.int64] = np.frombuffer(index, "<i8", sequences, KEY_BYTES * sequences)
        self._checks = np.frombuffer(index, "<i8", sequences, (KEY_BYTES + 8) * sequences)
        self._starts = np.cumsum(self.rows) - self.rows

    def read(self, place: int) -> NDArray[np.float32]:
        """(rows, width) of the sequence at ``place``, mapped; what is written into the array stays in memory.

        Raises:
            Damaged: its bytes have changed, or the file is gone.
        """
        offset = self._start + 4 * self.width * int(self._starts[place])
        shape = int(self.rows[place]), self.width
        try:
            states = np.asarray(np.memmap(self.path, "<f4", mode="c", offset=offset, shape=shape))
        except (OSError, ValueError) as error:
            raise Damaged("is gone or cut short") from error
        if zlib.crc32(states.data) != self._checks[place]:
            raise Damaged("has altered states")
        return states

    def verify(self) -> None:
        """Read all of it.

        Raises:
            Damaged: a byte has changed.
        """
        for place in range(len(self.keys)):
            self.read(place)


class ShardWriter:
    """Writes one shard, sequence by sequence as they come, and names it when it is complete.

    Nothing is held in memory. ``rows`` and ``sequences`` are those of the whole shard.
    """

    def __init__(self, path: Path, about: Mapping[str, str], sequences: int, rows: int, width: int) -> None:
        self.path = path
        self._header = _header(about, sequences, rows, width)
        self._keys: list[bytes] = []
        self._rows: list[int] = []
        self._checks: list[int] = []
        self._stack = ExitStack()
        try:
            temporary = self._stack.enter_context(atomic_path(path))
            self._file = self._stack.enter_context(temporary.open("wb"))
            self._file.write(len(self._header).to_bytes(8, "little") + self._header)
        except OSError:
            self.drop()
            raise

    def put(self, key: bytes, states: NDArray[np.float32]) -> None:
        content = np.ascontiguousarray(states, dtype="<f4")
        self._file.write(content.data)
        self._keys.append(key)
        self._rows.append(len(content))
        self._checks.append(zlib.crc32(content.data))

    def finish(self) -> None:
        """Raises OSError where the disk is full; the shard is then not there."""
        index = b"".join(self._keys) + np.array([self._rows, self._checks], dtype="<i8").tobytes()
        check = zlib.crc32(index, zlib.crc32(self._header))
        with self._stack:
            self._file.write(index + check.to_bytes(8, "little"))

    def drop(self) -> None:
        """Leave nothing behind; does nothing after :meth:`finish`."""
        with suppress(_Dropped, OSError), self._stack:
            raise _Dropped


class _Dropped(Exception):
    pass


def _header(about: Mapping[str, str], sequences: int, rows: int, width: int) -> bytes:
    sizes = {
        "states": ("F32", [rows, width], 4 * rows * width),
        "keys": ("U8", [sequences, KEY_BYTES], KEY_BYTES * sequences),
        "rows": ("I64", [sequences], 8 * sequences),
        "checks": ("I64", [sequences], 8 * sequences),
        "check": ("I64", [1], 8),
    }
    tensors: dict[str, Any] = {"__metadata__": dict(about)}
    end = 0
    for name, (kind, shape, size) in sizes.items():
        tensors[name] = {"dtype": kind, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(tensors).encode()
    return text.ljust(-(-(len(text) + 8) // 64) * 64 - 8)  # states begin at a multiple of 64 bytes


def _parsed(header: bytes) -> tuple[dict[str, str], dict[str, list[int]]]:
    tensors: dict[str, Any] = json.loads(header)
    about = tensors.pop("__metadata__")
    return about, {name: [int(size) for size in tensor["shape"]] for name, tensor in tensors.items()}
