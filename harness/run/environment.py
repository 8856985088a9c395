"""What a cell ran with: package versions, commit, device, memory. Recorded, but never part of its identity."""

from __future__ import annotations

import json
import platform
import re
import resource
import subprocess
import sys
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from harness.result import Environment

_PACKAGES = ("rna-harness", "torch", "multimolecule", "transformers", "numpy", "scipy", "scikit-learn", "pandas")


@cache
def package_versions() -> dict[str, str]:
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


@cache
def commit_and_dirty() -> tuple[str | None, bool | None]:
    """The commit of the harness's own checkout, and whether files differ from it; None outside a checkout."""
    folder = Path(__file__).resolve().parent

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        return git("rev-parse", "HEAD"), bool(git("status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.SubprocessError):
        return None, None


def code_stamp() -> str:
    """What computes: versions of packages and the commit. Partial state of another is not taken up."""
    return json.dumps([package_versions(), commit_and_dirty()], sort_keys=True)


def forget_peak_memory() -> None:
    """Count the peaks from here on, where the system can: a process may run several cells."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    for gpu in _gpus_in_use():
        sys.modules["torch"].cuda.reset_peak_memory_stats(gpu)


def peak_memory_mb() -> float:
    """Peak resident memory of this process so far, or since :func:`forget_peak_memory`."""
    # Linux: ru_maxrss would count the process that started this one
    with suppress(OSError):
        if found := re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(errors="replace")):
            return round(int(found[1]) / 2**10, 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


def peak_gpu_memory_mb() -> float | None:
    """Peak of this process's arrays on the GPU that has most, since :func:`forget_peak_memory`; None without any."""
    peaks = [sys.modules["torch"].cuda.max_memory_allocated(gpu) for gpu in _gpus_in_use()]
    return round(max(peaks) / 2**20, 1) if any(peaks) else None


def _gpus_in_use() -> range:
    """Numbers of the GPUs, if this process has used any: asking otherwise would start them."""
    torch = sys.modules.get("torch")
    return range(torch.cuda.device_count()) if torch is not None and torch.cuda.is_initialized() else range(0)


def describe(device: str, seconds: dict[str, float]) -> Environment:
    commit, dirty = commit_and_dirty()
    return Environment(
        packages=package_versions(),
        python=platform.python_version(),
        commit=commit,
        dirty=dirty,
        device=device,
        seconds={name: round(value, 2) for name, value in seconds.items()},
        peak_memory_mb=peak_memory_mb(),
        peak_gpu_memory_mb=peak_gpu_memory_mb(),
    )
