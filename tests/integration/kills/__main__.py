"""See the package."""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.integration.kills.commands import import_everything
from tests.integration.kills.harmed import damage, full, read_only
from tests.integration.kills.helped import helpers
from tests.integration.kills.killed import Undisturbed, serial, twice, workers
from tests.integration.kills.pages import pages

Kind = Callable[[int, Path, Undisturbed, random.Random], dict[str, Any]]
KINDS: dict[str, Kind] = {
    "serial": serial,
    "workers": workers,
    "helpers": helpers,
    "twice": twice,
    "pages": pages,
    "damage": damage,
    "full": full,
    "read-only": read_only,
}


def main(kind: str, number: int, folder: Path, seed: int) -> None:
    import_everything()
    os.environ["HARNESS_CACHE"] = str(folder / "cache")
    undisturbed, draw = Undisturbed(folder), random.Random(seed)
    for name in KINDS if kind == "all" else [kind]:
        for trial in range(number):
            told = KINDS[name](trial + seed, folder / f"{name}-{trial}", undisturbed, draw)
            print(json.dumps({"kind": name, "trial": trial} | told), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]) if len(sys.argv) > 4 else 0)
