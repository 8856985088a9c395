"""The manifests say what the files hold."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from harness.datasets import rfam_profiles
from harness.datasets.manifest import check_hash, manifests
from harness.errors import InputError

FILES = [name for name, manifest in manifests().items() if manifest.file]


def test_each_is_of_one_kind_and_complete() -> None:
    assert {"rfam-profiles", "rfam-seed", "pdb-rna", "bprna-spot", "archiveii", "rfam-alignments"} <= set(manifests())
    for name, manifest in manifests().items():
        assert manifest.summary and manifest.source and manifest.licence
        part = bool(manifest.hub) and not manifest.file
        assert bool(manifest.embedded) + bool(manifest.file) + ("/" in name) + part == 1
        assert bool(manifest.left_out) == part and not set(manifest.left_out) & set(manifest.splits or ())
        assert bool(manifest.file) == bool(manifest.sha256) == bool(manifest.records)
        assert manifest.simulated == manifest.summary.startswith("simulated")
        assert manifest.hub is None or manifest.hub in manifests()
        if manifest.file:
            assert re.fullmatch("[0-9a-f]{64}", str(manifest.sha256)) and not Path(manifest.file).is_absolute()


@pytest.mark.parametrize("name", FILES)
def test_hashes_of_the_real_files(name: str, data_folder: Path) -> None:
    manifest = manifests()[name]
    content = (data_folder / str(manifest.file)).read_bytes()
    assert hashlib.sha256(content).hexdigest() == manifest.sha256


def test_wrong_hash_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "pdb_rna.csv"
    path.write_text("id,sequence\na,ACGU\n")
    manifest = manifests()["pdb-rna"]
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(InputError, match=f"{path}.*sha256 {found}, expected {manifest.sha256}") as caught:
        check_hash(path, manifest)
    assert "\n" not in str(caught.value) and caught.value.exit_code == 2


def test_embedded_sets_carry_the_same_card(monkeypatch: pytest.MonkeyPatch) -> None:
    one = rfam_profiles.profiles()[:1]
    monkeypatch.setattr(rfam_profiles, "profiles", lambda: one)
    assert rfam_profiles.load().card == manifests()["rfam-profiles"].card
    assert rfam_profiles.load_decoupled().card == manifests()["rfam-profiles-decoupled"].card
