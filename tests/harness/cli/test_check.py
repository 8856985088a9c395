"""``harness check`` as a user types it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from harness.cli import main
from harness.conformance import LAWS
from tests import fakes
from tests.broken_adapters import laws

BROKEN = ["--plugin", laws.__file__]


def check(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["harness", "check", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def test_a_sound_model_passes_in_a_table_of_100_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, err = check(capsys, monkeypatch, "--model", "sound", *BROKEN)
    assert code == 0 and not err
    assert all(law.name in out for law in LAWS)
    assert f"{len(LAWS)} pass, 0 fail, 0 not applicable" in out
    assert max(map(len, out.splitlines())) <= 100


def test_a_law_that_fails_is_exit_code_1_and_json_is_one_document(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, err = check(capsys, monkeypatch, "--model", "sees-padding", "--json", *BROKEN)
    document = json.loads(out)
    assert code == 1 and not err and document["model"] == "sound"
    assert [law["law"] for law in document["laws"]] == [law.name for law in LAWS]
    [failed] = [law for law in document["laws"] if law["outcome"] == "fail"]
    assert failed["law"] == "alone-or-padded" and failed["figure"] > 1e-5


def test_a_random_twin_is_checked_by_its_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, _ = check(capsys, monkeypatch, "--model", "sound:random:2", "--json", *BROKEN)
    assert code == 0 and json.loads(out)["laws"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--model", "missing", "--plugin", fakes.__file__], 3, "run `harness prefetch missing`"),
        (["--model", "sond", *BROKEN], 2, "Did you mean sound"),
        (["--model", "sound", "--device", "tpu", *BROKEN], 2, "device 'tpu' is not one of"),
        (["--model", "ncrna-nano", "--weights", "nowhere"], 2, "nowhere"),
    ],
)
def test_errors_are_one_line_with_the_right_code(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    found, out, err = check(capsys, monkeypatch, *arguments)
    assert found == code and not out
    assert message in err and len(err.splitlines()) == 1
