"""Cells as jobs of a real Slurm: killed, requeued and out of time, they end in what one process ends in.

    apt-get install -y slurm-wlm munge
    python -m tests.integration.real_slurm FOLDER

Starts a private Slurm of one node on 127.0.0.1, with nothing in /etc, and ends it. It has no accounting: ``sacct``
fails, which nothing here may depend on. Prints one line per check; the one of time limits takes up to four minutes.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import slow_fakes

ROOT = Path(__file__).parents[2]
CONFIGURATION = """
ClusterName=check
SlurmctldHost={host}(127.0.0.1)
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmctldPort={port}
SlurmdPort={next_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.sock,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_interval=1,sched_min_interval=0
KillWait=5
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory=64000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


@contextmanager
def cluster(folder: Path) -> Iterator[None]:
    """A Slurm of this machine while the block runs; ``SLURM_CONF`` leads to it."""
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    folder.chmod(0o755)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    host = socket.gethostname().partition(".")[0]
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    configuration = folder / "slurm.conf"
    described = subprocess.run(["/usr/sbin/slurmd", "-C"], capture_output=True, text=True, check=True).stdout
    cores = next(word.partition("=")[2] for word in described.split() if word.startswith("CPUs="))
    text = CONFIGURATION.format(host=host, port=port, next_port=port + 1, user=user, folder=folder, cores=cores)
    configuration.write_text(text.replace("RealMemory=64000", _memory(described)))
    (folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n")
    key = folder / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o600)
    os.environ["SLURM_CONF"] = str(configuration)
    munge = ["--key-file", "munge.key", "--socket", "munge.sock", "--pid-file", "munged.pid"]
    munge += ["--seed-file", "munge.seed", "--log-file", "munged.log"]
    munge = [str(folder / word) if word.startswith("munge") else word for word in munge]
    daemons = [
        ["/usr/sbin/munged", "-F", *(word for word in munge)],
        ["/usr/sbin/slurmctld", "-D", "-f", str(configuration)],
        ["/usr/sbin/slurmd", "-D", "-f", str(configuration), "-N", host],
    ]
    running = []
    try:
        for daemon in daemons:
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            running.append(subprocess.Popen(daemon, start_new_session=True, **quiet))  # type: ignore[call-overload]
            time.sleep(0.5)
        wait(lambda: said("sinfo", "-h", "-o", "%T") == "idle", 30, "the node is not idle")
        yield
    finally:
        subprocess.run(["scancel", "--full", "--user", user], check=False)
        for process in reversed(running):
            process.terminate()
            process.wait()


def _memory(described: str) -> str:
    return next(word for word in described.split() if word.startswith("RealMemory="))


def said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30).stdout.strip()


def wait(until: Callable[[], object], seconds: float, complaint: str) -> None:
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, complaint
        time.sleep(0.2)


class Run:
    """One command with cells of ``tests/slow_fakes.py``, and what they write down."""

    def __init__(self, folder: Path, models: str, *arguments: str) -> None:
        self.folder, self.results, self.trace = folder, folder / "results", folder / "trace"
        folder.mkdir(parents=True, exist_ok=True)
        self.hangs = folder / "trace.hangs"
        os.environ["TRACE"] = str(self.trace)
        words = ["--model", models, "--task", "traced", "--no-floors", "--device", "cpu"]
        command = [sys.executable, "-m", "harness", "run", *words, "--plugin", slow_fakes.__file__, *arguments]
        self.hangs.mkdir(exist_ok=True)
        self.start = lambda: subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)

    def runs(self) -> Counter[str]:
        lines = self.trace.read_text().splitlines() if self.trace.exists() else []
        return Counter(line.split()[1] for line in lines if line.startswith("run"))

    def jobs(self) -> list[str]:
        return sorted(path.name.partition("_submission")[0] for path in self.results.glob("slurm/*_submission.sh"))

    def end(self, process: subprocess.Popen[bytes], seconds: float = 120) -> None:
        assert process.wait(seconds) == 0, f"{self.folder} ended with {process.returncode}"

    def pages(self) -> dict[str, bytes]:
        subprocess.run([sys.executable, "-m", "harness", "leaderboard"], cwd=self.folder, check=True)
        pages = self.results / "leaderboards"
        return {str(path.relative_to(pages)): path.read_bytes() for path in pages.rglob("*") if path.is_file()}


SLURM = ("--executor", "slurm", "--slurm", "mem=500M")


def plain(folder: Path) -> str:
    models = "slow-a,slow-b,slow-c"
    own = {}
    for name, arguments in {"serial": (), "local": ("--executor", "local"), "slurm": SLURM}.items():
        run = Run(folder / name, models, *arguments)
        run.end(run.start())
        own[name] = run.pages()
    assert own["serial"] == own["local"] == own["slurm"]
    return f"leaderboards of serial, local and slurm runs are the same {len(own['serial'])} files, byte for byte"


def cancelled(folder: Path) -> str:
    run = Run(folder, "slow-a,slow-b", *SLURM)
    hang = run.hangs / "slow-b"
    hang.touch()
    process = run.start()
    wait(lambda: run.runs()["slow-b"], 60, "slow-b did not start")
    subprocess.run(["scancel", *said("squeue", "-h", "-o", "%A").split()], check=True)
    wait(lambda: not said("squeue", "-h", "-o", "%A"), 60, "the job does not end")
    hang.unlink()
    run.end(process)
    assert run.runs() == {"slow-a": 1, "slow-b": 2}, run.runs()
    return "a cell whose job was cancelled is submitted again, the other is not"


def requeued(folder: Path) -> str:
    run = Run(folder, "slow-a", *SLURM)
    hang = run.hangs / "slow-a"
    hang.touch()
    process = run.start()
    wait(lambda: run.runs()["slow-a"], 60, "slow-a did not start")
    subprocess.run(["scontrol", "requeue", *said("squeue", "-h", "-o", "%A").split()], check=True)
    wait(lambda: run.runs()["slow-a"] == 2, 200, "slow-a did not start again")
    hang.unlink()
    run.end(process)
    assert len(run.jobs()) == 1, run.jobs()
    return "a job that was requeued is waited for, and not submitted again"


def out_of_time(folder: Path) -> str:
    run = Run(folder, "slow-a", *SLURM, "--slurm", "time=1")
    hang = run.hangs / "slow-a"
    hang.touch()
    process = run.start()
    wait(lambda: run.runs()["slow-a"], 60, "slow-a did not start")
    wait(lambda: len(run.jobs()) == 2, 400, "slow-a was not submitted again")
    hang.unlink()
    run.end(process)
    return "a cell that ran out of time is submitted again"


def parent_killed(folder: Path) -> str:
    run = Run(folder, "slow-a,slow-b", *SLURM)
    hang = run.hangs / "slow-b"
    hang.touch()
    process = run.start()
    wait(lambda: run.runs()["slow-b"], 60, "slow-b did not start")
    process.kill()
    process.wait()
    again = [run.start(), run.start()]
    time.sleep(8)
    hang.unlink()
    for own in again:
        run.end(own)
    assert run.runs() == {"slow-a": 1, "slow-b": 1} and len(run.jobs()) == 1, (run.runs(), run.jobs())
    return "two commands after a kill wait for the job of the first; no cell is run twice"


CHECKS = (plain, cancelled, parent_killed, requeued, out_of_time)


def main(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    os.environ |= {"PYTHONPATH": str(ROOT), "HARNESS_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    with cluster(folder.absolute() / "cluster"):
        for check in CHECKS:
            print(check(folder.absolute() / check.__name__), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
