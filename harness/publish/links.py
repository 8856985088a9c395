"""Write and read the links from a page to its records."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import quote

from harness.publish.escape import markdown
from harness.result import ResultRecord

_LINK = re.compile(r"\]\([^()\s]*?([^()\s/]+)\.json\)")


def record_link(record: ResultRecord, path: Path, out: Path) -> str:
    """A Markdown link from a page in ``out`` to the record at ``path``."""
    return f"[{markdown(record.cell[:8])}]({quote(Path(os.path.relpath(path, out)).as_posix())})"


def linked_records(page: str) -> set[str]:
    """File names, without their suffix, of the records that a page links to."""
    return set(_LINK.findall(page))
