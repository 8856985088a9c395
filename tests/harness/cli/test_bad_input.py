"""Whatever a user supplies: the right exit code, one line that says what is wrong, and nothing half-written."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from harness.cli import main
from harness.errors import InputError
from harness.result import ResultRecord, read_records
from tests import fakes
from tests.local_hub import LocalHub, environment_of
from tests.model_adapters.conftest import reduced

RUN = ["run", "--plugin", fakes.__file__, "--no-floors", "--device", "cpu"]
SHARE = [*RUN, "--model", "fake", "--task", "fake-share"]
FAMILIES = [*RUN, "--model", "fake", "--task", "sae-families"]
NANO = [*RUN, "--model", "ncrna-nano"]
TINY = [f"--set={text}" for text in ("features=16", "k=2", "steps=3", "batch_size=64", "draws=100", "seeds=0")]


@dataclass
class Ended:
    """What a command left behind: its exit code, its output, its error lines and its valid records."""

    code: int
    stdout: str
    stderr: str
    records: list[ResultRecord]

    @property
    def error(self) -> str:
        (line,) = [line for line in self.stderr.splitlines() if line.startswith("error:")]
        return line


Harness = Callable[..., Ended]


@pytest.fixture
def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Harness:
    """Run the command line in this process, in an empty folder; refuses partial files and tracebacks."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HARNESS_DATA", raising=False)
    monkeypatch.delenv("HARNESS_WEIGHTS", raising=False)

    def run(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["harness", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        output = capsys.readouterr()
        assert "Traceback" not in output.err
        assert not list(tmp_path.rglob("*.partial"))
        records, problems = read_records(tmp_path / "results")
        assert not problems
        return Ended(int(ended.value.code or 0), output.out, output.err, [record for _, record in records])

    return run


def refused(ended: Ended, *words: str) -> None:
    """Found before anything ran: code 2, the error alone on stderr, no record."""
    assert ended.code == 2 and ended.stdout == "" and not ended.records
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    assert all(word in ended.error for word in words), ended.error


CSV = "id,sequence,family\n"
FILES: dict[str, tuple[str, bytes, tuple[str, ...]]] = {
    "an empty file": ("rna.fasta", b"", ("rna.fasta is empty",)),
    "a header without records": ("rna.csv", CSV.encode(), ("has no records",)),
    "a record without sequence": ("rna.fasta", b">a\nACGU\n>b\n>c\nGG\n", ("rna.fasta", "record 'b' has no sequence")),
    "a protein": ("rna.fasta", b">a\nACGU\n>p\nMKLE\n", ("record 'p', position 3: 'L' is not a nucleotide",)),
    "a letter outside ASCII": ("rna.csv", f"{CSV}a,ACéU,F\n".encode(), ("position 3: 'é' is not a nucleotide",)),
    "a protein of nucleotide codes": ("rna.fasta", b">p\nMKVSTPRDGHIYW\n", ("look like proteins, not nucleotides",)),
    "an id that colours the terminal": ("rna.fasta", b">a\x1b[31m\nACGU\n", (r"id 'a\x1b[31m' contains '\x1b'",)),
    "a family of two lines": (
        "rna.csv",
        f'{CSV}a,ACGU,"F\nG"\n'.encode(),
        (r"record 'a': the family 'F\nG' contains",),
    ),
    "no letter in its name": ("---.fasta", b">a\nACGU\n", ("no letter A to Z or digit: rename it",)),
    "the name of a set": ("rfam-seed.fasta", b">a\nACGU\n", ("would be named rfam-seed, like a registered dataset",)),
    "a gap": ("rna.fasta", b">a\nAC-U\n", ("position 3: '-' is not a nucleotide",)),
    "duplicate ids": ("rna.fasta", b">a\nACGU\n>b\nGG\n>a\nCC\n", ("id 'a' occurs 2 times",)),
    "a missing column": ("rna.csv", b"id,letters\na,ACGU\n", ("no column sequence or seq; found id, letters",)),
    "a ragged table": ("rna.csv", f"{CSV}a,ACGU,F,1,2,3\nb,A\n".encode(), ("rna.csv",)),
    "an unknown split": ("rna.csv", b"id,sequence,split\na,ACGU,holdout\n", ("record 'a': split 'holdout'",)),
    "a truncated gzip": (
        "rna.fasta.gz",
        gzip.compress(b">a\nACGU\n" * 999, mtime=0)[:-20],
        ("not a complete gzip file",),
    ),
    "an unknown suffix": ("rna.xlsx", b"PK\x03\x04", ("suffix '.xlsx' is not one of", ".fasta")),
    "a damaged parquet": ("rna.parquet", b"PAR1 and no more", ("rna.parquet cannot be read as parquet",)),
}


@pytest.mark.parametrize("case", FILES)
def test_files_that_cannot_be_used(harness: Harness, tmp_path: Path, case: str) -> None:
    name, content, words = FILES[case]
    (tmp_path / name).write_bytes(content)
    refused(harness(*SHARE, "--dataset", name), *words)


def test_a_folder_a_missing_file_and_a_named_set_of_other_content(
    harness: Harness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "structure").mkdir()
    refused(harness(*SHARE, "--dataset", "./structure"), "structure is a folder without structure files")
    refused(harness(*SHARE, "--dataset", "nowhere.fasta"), "nowhere.fasta does not exist", "check the path")
    (tmp_path / "structure" / "pdb_rna.csv").write_text("id,sequence,split\na,ACGU,TR1\n")
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path))
    refused(harness(*SHARE, "--dataset", "pdb-rna"), "is another version of pdb-rna", "sha256", "replace the file")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([*SHARE, "--layer", "9"], ("fake has layers 0 to 2 (or -1 for the last), not 9",)),
        ([*SHARE, "--layer", "deep"], ("--layer 'deep' is not a list of layers such as 0,6-12 or all",)),
        ([*FAMILIES, "--set", "k=0"], ("sae-families: k:", "greater than or equal to 1")),
        ([*SHARE, "--limit", "ten"], ("--limit", "`harness run --help`")),
        ([*SHARE, "--frobnicate"], ("--frobnicate", "`harness run --help`")),
        (["run", "--model", "fake"], ("Missing option '--task'",)),
        ([*RUN, "--model", "", "--task", "fake-share"], ("--model '' contains an empty name",)),
        ([*RUN, "--model", ",", "--task", "fake-share"], ("--model ',' contains an empty name",)),
        ([*RUN, "--model", "fake", "--task", " "], ("--task ' ' contains an empty name",)),
        ([*SHARE, "--dataset", "fake-set,"], ("--dataset 'fake-set,' contains an empty name",)),
        ([*RUN, "--model", "..", "--task", "fake-share"], ("no model is called '..'",)),
        ([*RUN, "--model", "kmer-2:random", "--task", "fake-share"], ("kmer-2 has no random twin",)),
        ([*RUN, "--model", "\x1b[31mfake", "--task", "fake-share"], (r"no model is called '\x1b[31mfake'",)),
        ([*SHARE, "--dataset", "\x9b31m.csv"], (r"\x9b31m.csv does not exist",)),
        ([*SHARE, "--\x1b[31m"], (r"No such option: --\x1b[31m",)),
        (["check", "--model", "kmer-2:random"], ("kmer-2 has no random twin",)),
        ([*FAMILIES, "--seed=-1"], ("sae-families: seeds", "greater than or equal to 0, not '-1'")),
        ([*FAMILIES, "--seed", "0,0"], ("sae-families: seeds: seed 0 is repeated",)),
        ([*RUN, "--model", "fake", "--task", "overlap-ratio", "--seed", "1,2,1"], ("seed 1 is repeated",)),
        ([*FAMILIES, "--set", "features=0"], ("sae-families: features:", "greater than or equal to 1")),
        ([*FAMILIES, "--set", "features=8", "--set", "k=9"], ("k = 9 active features out of 8: choose k <= features",)),
        (["rum"], ("No such command 'rum'. Did you mean 'run'?",)),
        ([*SHARE, "--results", "file/below"], ("file/below cannot be written to", "choose another --results")),
        ([*SHARE, "--results", "/proc/results"], ("/proc/results cannot be written to",)),
    ],
)
def test_what_is_typed_wrong(harness: Harness, tmp_path: Path, arguments: list[str], words: tuple[str, ...]) -> None:
    (tmp_path / "file").write_text("not a folder")
    refused(harness(*arguments), *words)


def test_weights_that_are_not_there(harness: Harness) -> None:
    ended = harness(*NANO, "--task", "sae-families", "--weights", "absent")
    assert ended.code == 2 and "absent does not exist" in ended.error and not ended.records


def families(path: Path, members: int, *extra: tuple[str, str]) -> str:
    """A table of two families whose clusters are given."""
    draw = random.Random(0)
    rows = [(f"F{f}/{n}", "".join(draw.choices("ACGU", k=40))) for f in range(2) for n in range(members)] + list(extra)
    lines = [f"{name},{sequence},{name.partition('/')[0]},{name}" for name, sequence in rows]
    path.write_text("\n".join(["id,sequence,family,cluster", *lines]))
    return str(path)


def test_families_of_one_member_are_not_applicable(harness: Harness, tmp_path: Path) -> None:
    ended = harness(*FAMILIES, *TINY, "--dataset", families(tmp_path / "single.csv", 1))
    assert ended.code == 0 and [record.status for record in ended.records] == ["not-applicable"]
    assert "at least two" in ended.stderr and "at least two" in (ended.records[0].error or "")


def test_a_sequence_of_a_hundred_thousand_nucleotides_is_skipped_and_counted(harness: Harness, tmp_path: Path) -> None:
    dataset = families(tmp_path / "long.csv", 26, ("F0/long", "ACGU" * 25_000))
    ended = harness(*FAMILIES, *TINY, "--dataset", dataset, "--json")
    assert ended.code == 0, ended.stderr
    (cell,) = json.loads(ended.stdout)["cells"]
    assert cell["dataset"]["skipped"] == {"sequences over 50 nt": 1} and cell["dataset"]["used"] == 52


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A folder like that of a small RiNALMo, with the configuration of another model."""
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "rinalmo"} | reduced("ncrna-nano").config))
    (folder / "model.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{not the header}")
    return folder


def test_weights_of_another_architecture_and_damaged_ones(harness: Harness, weights: Path) -> None:
    """Found when the weights are loaded, so the cell fails and says so in its record."""
    run = [*NANO, "--task", "fake-share", "--weights", str(weights)]
    other = harness(*run)
    assert other.code == 1 and "has num_hidden_layers 3, but ncrna-nano has 4" in other.error
    (weights / "config.json").write_text(json.dumps({"model_type": "rnabert"}))
    assert "contains a rnabert model, but ncrna-nano is a rinalmo" in harness(*run).error
    (weights / "config.json").write_text(json.dumps({"model_type": "rinalmo"}))
    damaged = harness(*run)
    assert damaged.code == 1 and "model.safetensors is damaged" in damaged.error and "copy it again" in damaged.error
    assert {record.status for record in damaged.records} == {"failed"}


def test_real_weights_of_another_architecture(harness: Harness, weights_folder: Path) -> None:
    ended = harness(*NANO, "--task", "fake-share", "--weights", str(weights_folder / "rnabert"))
    assert ended.code == 1 and "contains a rnabert model, but ncrna-nano is a rinalmo" in ended.error


def test_a_model_without_weights_and_network_is_told_so_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from harness.cli import main; main()", "run", "--model", "rinalmo"]
    with LocalHub() as hub:
        hub.faults["/"] += ["hang up"] * 100
        done = subprocess.run(
            [*command, "--task", "sae-families"],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment_of(hub, tmp_path / "hub") | {"HF_HUB_OFFLINE": "0"},
        )
    assert 1 <= len(hub.asked) <= 3  # the hub library alone would try again and again, for half a minute
    assert done.returncode == 3, done.stderr
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert "no weights of rinalmo-giga" in error and "hf download multimolecule/rinalmo-giga" in error
    assert "--weights" in error and not list(tmp_path.glob("results/*"))


@pytest.mark.parametrize("name", ["..", "", "a/../../b", "<script>", "x" * 300])
def test_a_plugin_whose_model_has_no_name_writes_nothing_anywhere(harness: Harness, tmp_path: Path, name: str) -> None:
    (tmp_path / "plugin.py").write_text(f"from tests import fakes\nMODELS = {{{name!r}: fakes.MODELS['fake']}}\n")
    (tmp_path / "rna.fasta").write_text(">a\nACGU\n")
    run = ["run", "--plugin", fakes.__file__, "--plugin", "plugin.py", "--task", "fake-share", "--device", "cpu"]
    refused(harness(*run, "--model", "fake", "--dataset", "rna.fasta"), "plugin.py: ", "is not a valid model name")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plugin.py", "rna.fasta"]


def test_letters_that_became_n_are_said(harness: Harness, tmp_path: Path) -> None:
    (tmp_path / "rna.fasta").write_text(">a\nACGURYN\n")
    ended = harness(*SHARE, "--dataset", "rna.fasta")
    assert ended.code == 0 and "2 letters other than A C G T U N were replaced by N" in ended.stderr


def test_pages_that_cannot_be_written(harness: Harness, tmp_path: Path) -> None:
    assert harness(*SHARE).code == 0
    (tmp_path / "file").write_text("not a folder")
    ended = harness("leaderboard", "--out", "file/pages")
    assert ended.code == 2 and len(ended.stderr.splitlines()) == 1
    assert ended.error.startswith("error: file/pages/") and "cannot be written: Not a directory" in ended.error


def test_a_verb_that_cannot_be_loaded_leaves_the_others_alone() -> None:
    from harness.cli import _loaded

    verb = EntryPoint("lost", "no_such_package.verb:lost", "harness.verbs")
    with pytest.raises(InputError, match=r"`harness lost` cannot be loaded from no_such_package.verb \(ModuleNotFound"):
        _loaded(verb)()
