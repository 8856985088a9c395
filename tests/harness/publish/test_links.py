from __future__ import annotations

from pathlib import Path

from harness.progress import Progress
from harness.publish.links import linked_records, record_link
from harness.run.cell import run_cell
from tests.harness.run.test_cell import make_cell


def test_what_is_written_is_read_back_whatever_the_folder_is_called(tmp_path: Path) -> None:
    results = tmp_path / "re(su) [lts]|<b>"
    record = run_cell(make_cell(), results, "cpu", Progress(quiet=True))
    (path,) = results.glob("*/*/*/*.json")
    link = record_link(record, path, tmp_path / "out")
    assert link.startswith(f"[{record.cell[:8]}](../re%28su%29%20%5Blts%5D%7C%3Cb%3E/fake-share/")
    assert linked_records(f"| fake | {link} |\n![picture](a-against-b.svg)\n") == {record.cell}
