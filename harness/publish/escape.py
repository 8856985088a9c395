"""Escape outside text, with one function for each kind of output.

Names, summaries, notes, units and errors of a record are whatever their authors typed. Every one of them passes
through one of these functions on its way out; the numbers are our own and do not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar
from xml.sax.saxutils import escape

from harness.names import printable

if TYPE_CHECKING:
    from rich.text import Text

Other = TypeVar("Other")

_MARKDOWN = str.maketrans({"&": "&amp;", "<": "&lt;"} | {letter: f"&#{ord(letter)};" for letter in "|\\`["})
"""Entities rather than backslashes: a reader of Markdown that splits cells first still sees no bar."""
_BLOCK = re.compile(r"[#>+*=~-]|\d+[.)]")
"""What would begin a quote, a list, a heading or a rule at the start of a line."""
_FORMULA = tuple("=+-@＝＋－＠")


def one_line(text: str) -> str:
    """``text`` on one line, control characters spelled out."""
    return printable(" ".join(text.split()))


def markdown(text: str) -> str:
    """Text for a Markdown cell, heading, list item or line: never a cell break, a tag, a link, code or a new block."""
    line = one_line(text)
    start = f"&#{ord(line[0])};" if _BLOCK.match(line) else ""
    return start + line[bool(start) :].translate(_MARKDOWN)


def xml(text: str) -> str:
    """Text for an SVG or HTML element: never a tag."""
    return escape(one_line(text))


def csv_cell(value: Other) -> Other | str:
    """A cell that no spreadsheet runs as a formula, by the rule of OWASP; numbers stay numbers."""
    if not isinstance(value, str):
        return value
    text = one_line(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def terminal(text: str, style: str = "") -> Text:
    """Text for a terminal: no escape codes, and square brackets and colons mean nothing to rich."""
    from rich.text import Text

    return Text(one_line(text), style=style)
