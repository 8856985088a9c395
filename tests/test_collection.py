"""Every process collects the same tests in the same order: with several workers, pytest refuses anything else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import COLLECTED

SCRIPT = """
import sys
import pytest

class Ids:
    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items):
        print(*("id " + ascii(item.nodeid) for item in items), sep="\\n")

options = ["--collect-only", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:randomly"]
sys.exit(pytest.main([*options, *sys.argv[1:]], plugins=[Ids()]))
"""


def collected(folder: Path, *paths: str, hash_seed: str) -> list[str]:
    """Ids of the tests under ``paths`` (``ascii`` of each), in the order in which another process finds them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *paths],
        capture_output=True,
        text=True,
        cwd=folder,
        env=kept | {"PYTHONHASHSEED": hash_seed},
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [line.removeprefix("id ") for line in done.stdout.splitlines() if line.startswith("id ")]


def test_another_process_collects_what_this_one_did(request: pytest.FixtureRequest) -> None:
    """Whatever of the suite this session was told to run; the other process started later and hashes otherwise."""
    config = request.config
    own = [ascii(name) for name in config.stash[COLLECTED]]
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    assert collected(config.invocation_params.dir, *config.args, hash_seed=seed) == own


PLANTED = """
import pytest, time

@pytest.mark.parametrize("value", ("a", "b"))
def test_constant(value): pass

@pytest.mark.parametrize("value", {"alpha", "beta", "gamma", "delta"})
def test_set(value): pass

@pytest.mark.parametrize("value", [time.time_ns()])
def test_time(value): pass
"""


def test_values_that_vary_between_processes_are_seen(tmp_path: Path) -> None:
    (tmp_path / "test_planted.py").write_text(PLANTED)
    one, two = (collected(tmp_path, "test_planted.py", hash_seed=seed) for seed in "12")
    assert [name for name in one if "constant" in name] == [name for name in two if "constant" in name]
    sets = [[name for name in names if "set" in name] for names in (one, two)]
    assert len(sets[0]) == 4 and sets[0] != sets[1] and sorted(sets[0]) == sorted(sets[1])
    assert len(one) == len(two) == 7 and len(set(one) ^ set(two)) == 2
