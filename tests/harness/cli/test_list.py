from __future__ import annotations

import json
import random
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from harness.cli import app
from harness.cli.console import WIDTH
from harness.cli.list import HEADINGS, model_table
from harness.registry import Registry


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    done = CliRunner().invoke(app, ["list", "models", "--json"])
    assert done.exit_code == 0, done.output
    found: list[dict[str, Any]] = json.loads(done.stdout)["models"]
    return found


def printed(rows: list[dict[str, Any]]) -> list[str]:
    console = Console(width=WIDTH, record=True, file=StringIO())
    console.print(model_table(rows))
    return console.export_text().splitlines()


def test_every_model_has_one_line_within_the_width(rows: list[dict[str, Any]]) -> None:
    lines = printed(rows)
    assert max(map(len, lines)) <= WIDTH
    first = [line.split()[0] for line in lines if line.strip() and " = " not in line]
    for row in rows:
        if " = " not in row["name"]:
            assert first.count(row["name"]) == 1
    assert not [line for line in lines if "…" in line]


def test_a_line_holds_what_the_card_says(rows: list[dict[str, Any]]) -> None:
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in printed(rows) if line.strip()}
    assert lines["utrbert-3mer"].startswith("overlapping 3-mer 3 nt 12 12 768 86.1 M 512 ")
    assert lines["hyenadna-large"].startswith("single nucleotide 1 nt 8 – 256 6.6 M 1000000 ")
    assert lines["nt-2.5b-multi-species"].startswith("6-mer 6 nt 32 20 2560 2.5 B 5974 ")
    assert lines["ncrna-nano"].endswith("yes")


def test_models_stand_under_their_headings(rows: list[dict[str, Any]]) -> None:
    lines = [line.strip() for line in printed(rows)]
    assert [line for line in lines if line in HEADINGS] == [
        heading for heading in HEADINGS if any((row["group"] or row["role"]) == heading for row in rows)
    ]
    under: dict[str, str] = {}
    heading = ""
    for line in lines:
        if line in HEADINGS:
            heading = line
        elif line:
            under.setdefault(line.split()[0], heading)
    for row in rows:
        if " = " not in row["name"]:
            assert under[row["name"]] == (row["group"] or row["role"])


def test_the_order_of_the_rows_does_not_matter_and_sizes_ascend(rows: list[dict[str, Any]]) -> None:
    own = [row for row in rows if " = " not in row["name"]]
    lines = printed(own)
    assert printed(random.Random(0).sample(own, len(own))) == lines
    names = [line.split()[0] for line in lines if line.strip()]
    sizes = ("rinalmo-micro", "rinalmo-mega", "rinalmo-giga", "esm2-8m", "esm2-35m", "esm2-650m", "esm2-3b")
    assert all(names.index(small) < names.index(large) for small, large in pairwise(sizes))


def test_a_group_that_is_not_known_comes_last(rows: list[dict[str, Any]]) -> None:
    strange = {**rows[0], "name": "mine", "group": "viral RNA"}
    lines = [line.strip() for line in printed([*rows, strange]) if line.strip()]
    assert lines.index("viral RNA") == lines.index("reference") + 1 + sum(row["role"] == "reference" for row in rows)


def test_what_a_plugin_says_of_itself_is_shown_as_it_is(rows: list[dict[str, Any]]) -> None:
    (line,) = [
        line for line in printed([{**rows[0], "name": "mine", "tokenisation": "[red]\x1b[31m"}]) if "mine" in line
    ]
    assert "[red]\\x1b[31m" in line


def test_aliases_are_named_below_the_table_and_are_rows_of_the_document(rows: list[dict[str, Any]]) -> None:
    assert "rinalmo = rinalmo-giga" in [row["name"] for row in rows]
    text = "\n".join(printed(rows))
    assert "rinalmo = rinalmo-giga" in text.split("Aliases:")[1]


def test_the_document_holds_whole_cards(rows: list[dict[str, Any]]) -> None:
    registry = Registry.discover()
    for row in rows:
        card = registry.model(row["name"].split(" = ")[0]).card.model_dump(mode="json")
        card["capabilities"].sort()
        assert row["card"] == card
    assert {row["name"] for row in rows if row["here"] == "yes"} >= {"ncrna-nano", "kmer-6"}


@pytest.mark.parametrize("kind", ["tasks", "datasets"])
def test_the_other_lists(kind: str) -> None:
    done = CliRunner().invoke(app, ["list", kind])
    assert done.exit_code == 0 and "name" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= WIDTH


def test_datasets_of_plugins_are_listed_with_what_they_say_of_themselves(tmp_path: Path) -> None:
    plugin = tmp_path / "sets.py"
    plugin.write_text("from tests import fakes\nDATASETS = {'mine': fakes.DATASETS['fake-set']}\n", encoding="utf-8")
    done = CliRunner().invoke(app, ["list", "datasets", "--json", "--plugin", str(plugin)])
    assert done.exit_code == 0, done.output
    rows = {row["name"]: row for row in json.loads(done.stdout)["datasets"]}
    assert rows["mine"] == {"name": "mine", "kind": None, "summary": None, "licence": None, "here": None}
    assert rows["rfam-profiles-unseen"]["here"] == "yes" and rows["rfam-profiles-unseen"]["kind"] == "simulated"
