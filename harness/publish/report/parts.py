"""Pieces of data inside the report: what is in one, how it is written, and which fit into the file."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

_CLOSES = str.maketrans({letter: f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"})


@dataclass(frozen=True)
class Part:
    """A piece that the page unpacks when it is first shown. Low ``priority`` goes in first.

    ``says`` names it for the reader in case it does not fit.
    """

    name: str
    says: str
    priority: int
    content: Any

    def packed(self) -> str:
        """Gzipped JSON as base64: letters, digits, plus, slash and equals signs only, the same every time."""
        text = self.content if isinstance(self.content, str) else compact_json(self.content)
        return base64.b64encode(gzip.compress(text.encode(), compresslevel=6, mtime=0)).decode()


def compact_json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def script_json(value: Any) -> str:
    """JSON that cannot close the script element that it stands in, whatever its strings hold."""
    return compact_json(value).translate(_CLOSES)


def fitting(parts: Iterable[Part], room: int) -> tuple[dict[str, str], list[str]]:
    """Packed parts by name, in the order of priority as long as they fit into ``room`` bytes; and what did not fit."""
    packed: dict[str, str] = {}
    left_out = []
    for part in sorted(parts, key=lambda part: (part.priority, part.name)):
        text = part.packed()
        size = len(text) + len(part.name) + 100  # the element around it
        if size > room:
            left_out.append(part.says)
            continue
        packed[part.name] = text
        room -= size
    return packed, left_out
