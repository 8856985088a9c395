import json

import pytest

from harness.datasets.resolve import load_dataset
from harness.errors import Unavailable
from harness.registry import Registry
from model_adapters.ncrna_nano.datasets import DATASETS
from scripts.ncrna_nano.split import SPLIT_FILE


@pytest.mark.parametrize("name", ["rfam-profiles"])
def test_the_two_parts_make_the_whole_and_share_no_family(name: str) -> None:
    registry = Registry.discover()
    whole = load_dataset(name)
    seen, unseen = (registry.dataset(f"{name}-{part}") for part in ("seen", "unseen"))
    assert sorted(r.id for part in (seen, unseen) for r in part.records) == sorted(r.id for r in whole.records)
    assert not set(seen.families) & set(unseen.families)
    assert set(unseen.families) == set(whole.families) & set(json.loads(SPLIT_FILE.read_text())["held_out_families"])
    assert len(unseen.families) == len(seen.families) == 24
    assert len({whole.fingerprint, seen.fingerprint, unseen.fingerprint}) == 3
    assert (seen.card.name, unseen.card.name) == (f"{name}-seen", f"{name}-unseen")
    assert unseen.card.simulated == whole.card.simulated
    assert "was not trained on" in unseen.card.summary and "was trained on" in seen.card.summary


def test_a_part_is_here_where_the_whole_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HARNESS_DATA", raising=False)
    assert DATASETS["rfam-profiles-unseen"].available() and not DATASETS["rfam-seed-unseen"].available()
    with pytest.raises(Unavailable, match="rfam-seed"):
        DATASETS["rfam-seed-unseen"]()
