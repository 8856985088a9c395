"""What ``harness prefetch`` fetched from HF_ENDPOINT runs in a process without a hub."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path

from model_adapters.catalog.models import ENTRIES
from model_adapters.encoder.checkpoint import random_network
from tests import fakes
from tests.local_hub import LocalHub, environment_of

HARNESS = [sys.executable, "-c", "from harness.cli import main; main()"]
PLUGIN = ["--plugin", fakes.__file__]


def test_fetched_with_a_bar_and_run_offline(tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    random_network(ENTRIES["rnabert"], 1).save_pretrained(saved, max_shard_size="1MB")  # type: ignore[operator]
    with LocalHub() as hub:
        hub.add("multimolecule/rnabert", saved)
        environment = environment_of(hub, tmp_path / "home")
        fetch = [*HARNESS, "prefetch", "--model", "rnabert", "--task", "fake-share", *PLUGIN]
        terminal, end = pty.openpty()
        termios.tcsetwinsize(end, (24, 100))
        done = subprocess.run(fetch, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=end, timeout=120)
        os.close(end)
        shown = b""
        with suppress(OSError):
            while part := os.read(terminal, 65536):
                shown += part
        os.close(terminal)
        assert done.returncode == 0, shown
        assert b"Downloading bytes" in shown and b"2.07MB / 2.07MB" in shown
        assert b"tensors verified" in done.stdout and b"no network" in done.stdout
        asked = len(hub.asked)
        offline = environment | {"HF_HUB_OFFLINE": "1"}
        run = [*HARNESS, "run", "--model", "rnabert", "--task", "fake-share", *PLUGIN, "--no-floors", "--json"]
        ran = subprocess.run(run, cwd=tmp_path, env=offline, capture_output=True, text=True, timeout=120)
        assert ran.returncode == 0, ran.stderr
        assert json.loads(ran.stdout)["cells"][0]["model"]["card"]["hub_id"] == "multimolecule/rnabert"
        assert len(hub.asked) == asked
