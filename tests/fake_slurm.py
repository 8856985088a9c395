"""A Slurm of shell scripts: ``sbatch`` runs every element of an array at once, ``squeue`` lists those that run.

``sacct`` says of every job what is written in ``sacct-says``, for ever; every command notes that it was called.
"""

from __future__ import annotations

from pathlib import Path

import pytest

_SBATCH = """
id=$(( $(cat "$FAKE_SLURM/last") + 1 )); echo $id > "$FAKE_SLURM/last"
end=$(sed -n 's/^#SBATCH --array=0-\\([0-9]*\\).*/\\1/p' "$1")
export SLURM_NTASKS=1 SLURM_JOB_NUM_NODES=1 SLURM_NODEID=0 SLURM_PROCID=0 SLURM_LOCALID=0 SLURM_JOB_NODELIST=here
for i in $(seq 0 ${end:-0}); do
  job=$id
  if [ -n "$end" ]; then job=${id}_$i; export SLURM_ARRAY_JOB_ID=$id SLURM_ARRAY_TASK_ID=$i; fi
  touch "$FAKE_SLURM/queue/$job"
  (SLURM_JOB_ID=$((id + i)) bash "$1"; rm "$FAKE_SLURM/queue/$job") > /dev/null 2>&1 < /dev/null &
done
echo "Submitted batch job $id"
"""
_SRUN = """
while [[ $1 == --* ]]; do
  case $1 in --error) log=$2; shift 2;; --output) shift 2;; *) shift;; esac
done
log=${log//%A/$SLURM_ARRAY_JOB_ID}; log=${log//%a/$SLURM_ARRAY_TASK_ID}; log=${log//%j/$SLURM_JOB_ID}
exec "$@" 2>> "${log//%t/0}"
"""
_SQUEUE = '[ ! -e "$FAKE_SLURM/down" ] && ls "$FAKE_SLURM/queue"'
_SACCT = """
echo "JobID|State|NodeList"
while [ $# -gt 0 ]; do
  [ "$1" = -j ] && for i in "" _0 _1 _2 _3; do echo "$2$i|$(cat "$FAKE_SLURM/sacct-says")|here"; done
  shift
done
"""


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, sacct_says: str = "PREEMPTED") -> Path:
    """Put it first on the path. Returns its folder."""
    for name, script in {"sbatch": _SBATCH, "srun": _SRUN, "squeue": _SQUEUE, "sacct": _SACCT}.items():
        path = folder / "bin" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'#!/bin/bash\necho "{name} $*" >> "$FAKE_SLURM/calls"\n{script}')
        path.chmod(0o755)
    (folder / "queue").mkdir()
    (folder / "last").write_text("100")
    (folder / "calls").touch()
    (folder / "sacct-says").write_text(sacct_says)
    monkeypatch.setenv("FAKE_SLURM", str(folder))
    monkeypatch.setenv("PATH", str(folder / "bin"), prepend=":")
    return folder


def calls(folder: Path, command: str) -> list[str]:
    return [line for line in (folder / "calls").read_text().splitlines() if line.split()[0] == command]
