"""The plan of a results folder as a Snakefile, for those who already have an engine.

Every cell is a rule whose output is its record, and which runs this module: ``python -m harness.run.snakemake``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from shlex import quote

from harness.errors import HarnessError
from harness.run.executors.jobs import gigabytes_of, key_of, run_job
from harness.run.spec import Planned
from harness.run.written import read_plan

THREADS = 2
_HEAD = """# Written by `harness export --format snakemake`. Where that ran: snakemake --snakefile {file} --cores N
rule all:
    input:
        {inputs}
"""
_RULE = """
rule cell_{number}:  # {name}
    output: {output}
    threads: {threads}
    resources: mem_mb={megabytes}
    shell: {command}
"""


def snakefile(planned: Sequence[Planned], results: Path, file: Path) -> str:
    """One rule for each cell whose model is here, by its place in the plan, which only grows."""
    specs = read_plan(results)
    rules, outputs = [], []
    for spec, cell in planned:
        if cell.unavailable is not None:
            continue
        number = specs.index(spec)
        # without the working folder among the places of modules: it may hold a folder called tasks
        words = [sys.executable, "-P", "-m", "harness.run.snakemake", str(results), str(number)]
        rules.append(
            _RULE.format(
                number=number,
                name=" ".join(cell.name.split()),
                output=repr(_literal(str(results / key_of(cell, results)))),
                threads=THREADS,
                megabytes=1000 * gigabytes_of(cell),
                command=repr("OMP_NUM_THREADS={threads} " + _literal(" ".join(quote(word) for word in words))),
            )
        )
        outputs.append(f"rules.cell_{number}.output,")
    return _HEAD.format(file=file, inputs="\n        ".join(outputs)) + "".join(rules)


def _literal(text: str) -> str:
    """Snakemake fills in what stands in braces."""
    return text.replace("{", "{{").replace("}", "}}")


def main(results: Path, number: int) -> None:
    """Run one cell of the plan; ends with an error unless it is finished, so that no engine takes that for a result."""
    try:
        status = run_job(read_plan(results)[number], results, "auto", False)
    except HarnessError as error:
        sys.exit(f"error: {error}")
    sys.exit(int(status == "failed"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
