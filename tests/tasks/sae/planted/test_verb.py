"""``harness sae-check`` as typed."""

import json
import sys

import pytest

from harness.cli import main

SMALL = ["--width", "24", "--features", "24", "--active", "2", "--children", "0", "--steps", "20", "--seed", "0,1"]


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["harness", "sae-check", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def test_a_table_of_the_variants_asked_for(monkeypatch, capsys):
    assert not run(monkeypatch, *SMALL, "--variant", "batchtopk,relu")
    out = capsys.readouterr().out
    assert "batchtopk" in out and "relu" in out and "jumprelu" not in out and "recovered" in out
    assert max(map(len, out.splitlines())) <= 100


def test_one_json_document(monkeypatch, capsys):
    assert not run(monkeypatch, *SMALL, "--variant", "topk", "--json")
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [(row["variant"], row["seed"]) for row in rows] == [("topk", 0), ("topk", 1)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--variant", "toppk"], "no variant is called 'toppk'. Did you mean topk"),
        (["--features", "4", "--active", "3"], "cannot fire sparsely"),
        (["--seed", "0,0"], "seed 0 is repeated"),
        (["--width", "1"], "width"),
    ],
)
def test_what_is_typed_wrong_is_one_line(monkeypatch, capsys, arguments, message):
    assert run(monkeypatch, *SMALL, *arguments) == 2
    error = capsys.readouterr().err
    assert message in error and len(error.splitlines()) == 1
