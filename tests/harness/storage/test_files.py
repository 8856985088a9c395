from __future__ import annotations

from pathlib import Path

import pytest

from harness.storage.files import atomic_path, remove_partial, write_text


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "record.json"
    write_text(path, "old")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and [p.name for p in path.parent.iterdir()] == ["record.json"]


def test_a_folder_that_is_none_is_an_error_about_the_file_asked_for(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "page.md", Path("/proc/page.md")):
        with pytest.raises(OSError) as caught:
            write_text(path, "text")
        assert caught.value.filename == str(path) and caught.value.strerror


def test_a_written_file_is_as_readable_as_any(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "a")
    (tmp_path / "b").write_text("b")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_what_killed_processes_left_of_one_file_is_removed(tmp_path: Path) -> None:
    for name in (".a[1].md.x1.partial", ".a1.md.x1.partial", ".b.md.x.partial", "a[1].md", ".a[1].md.lock"):
        (tmp_path / name).touch()
    remove_partial(tmp_path / "a[1].md")
    assert not (tmp_path / ".a[1].md.x1.partial").exists() and len(list(tmp_path.iterdir())) == 4
