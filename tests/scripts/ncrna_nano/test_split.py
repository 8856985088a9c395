import gzip
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.errors import InputError, Unavailable
from scripts.ncrna_nano.alike import alike
from scripts.ncrna_nano.split import (
    EMBEDDED_FAMILIES,
    SPLIT_FILE,
    SeedSequence,
    apply_split,
    load_split,
    make_split,
    read_benchmarks,
    read_seed,
    split_hash,
)


def family(number: int, members: int, generator: np.random.Generator) -> list[SeedSequence]:
    """Members of a family share nothing, so that every one is a cluster of its own."""
    name = f"RF{number:05d}"
    return [
        SeedSequence(f"{name}|X{i}.1/1-60", name, "".join(generator.choice(list("ACGU"), 60))) for i in range(members)
    ]


@pytest.fixture
def seed_sequences() -> list[SeedSequence]:
    generator = np.random.default_rng(0)
    return [entry for number in range(20) for entry in family(number, 6, generator)]


@pytest.fixture
def embedded() -> list[str]:
    return [f"RF{number:05d}" for number in range(4)]


def test_parts_are_disjoint_and_sized(seed_sequences: list[SeedSequence], embedded: list[str]) -> None:
    split = apply_split(seed_sequences, make_split(seed_sequences, embedded, {}))
    held_out = {entry.family for entry in split.held_out}
    assert len(held_out) == 4 and len(held_out & set(embedded)) == 2
    assert not held_out & {entry.family for entry in split.training + split.validation}
    assert len(split.validation) == 5
    assert len(split.training) + len(split.validation) + len(split.held_out) == len(seed_sequences)


def test_look_alikes_leave_training(seed_sequences: list[SeedSequence], embedded: list[str]) -> None:
    plain = apply_split(seed_sequences, make_split(seed_sequences, embedded, {}))
    in_benchmark = plain.training[0]
    other = plain.training[1].family
    copied = SeedSequence(f"{other}|COPY/1-62", other, "GG" + plain.held_out[0].sequence[3:] + "AAC")
    benchmark = "A" + in_benchmark.sequence[2:]
    split = make_split([*seed_sequences, copied], embedded, {"benchmark": [benchmark]})
    parts = apply_split([*seed_sequences, copied], split)
    assert not any(alike(entry.sequence, benchmark) for entry in parts.training)
    assert copied not in parts.training
    assert list(split["removed_from_training"]["benchmark"]) == [in_benchmark.family]


def test_near_copies_stay_on_one_side(seed_sequences: list[SeedSequence], embedded: list[str]) -> None:
    copies = [SeedSequence(e.id + "0", e.family, e.sequence[1:] + "A") for e in seed_sequences]
    split = apply_split(seed_sequences + copies, make_split(seed_sequences + copies, embedded, {}))
    origin = [{entry.id.split("/")[0] for entry in part} for part in (split.training, split.validation)]
    assert origin[1] and not origin[0] & origin[1]
    assert len(split.validation) == 2 * len(origin[1])


def test_a_family_keeps_its_side_when_others_come(seed_sequences: list[SeedSequence], embedded: list[str]) -> None:
    before = make_split(seed_sequences, embedded, {})["held_out_families"]
    more = seed_sequences + family(99, 6, np.random.default_rng(9))
    after = make_split(more, embedded, {})["held_out_families"]
    assert len(set(before) - set(after)) <= 1


def test_another_seed_file_is_refused(seed_sequences: list[SeedSequence], embedded: list[str]) -> None:
    split = make_split(seed_sequences, embedded, {})
    with pytest.raises(InputError, match="does not fit"):
        apply_split(seed_sequences[:-1] + family(98, 1, np.random.default_rng(1)), split)


def test_hash_sees_every_change(seed_sequences: list[SeedSequence], embedded: list[str]) -> None:
    split = make_split(seed_sequences, embedded, {})
    assert split_hash(split) == split_hash(json.loads(json.dumps(split)))
    assert split_hash(split) != split_hash({**split, "seed": 1})


def test_read_seed_drops_duplicates_and_long_ones(tmp_path: Path) -> None:
    (tmp_path / "families").mkdir()
    text = f">RF1|a/1-5\nacgtn\n>RF1|b/1-5\nACGUN\n>RF2|c/1-600\n{'A' * 513}\n>RF2|d/1-5\nRCGUU\n"
    with gzip.open(tmp_path / "families/rfam14_1_seed.fasta.gz", "wt") as file:
        file.write(text)
    assert read_seed(tmp_path) == [
        SeedSequence("RF1|a/1-5", "RF1", "ACGUN"),
        SeedSequence("RF2|d/1-5", "RF2", "NCGUU"),
    ]


def test_missing_data_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="--data"):
        read_seed(tmp_path)


@pytest.fixture(scope="module")
def shipped() -> dict[str, Any]:
    split: dict[str, Any] = json.loads(SPLIT_FILE.read_text())
    return split


def test_card_names_the_split(shipped: dict[str, Any]) -> None:
    assert split_hash(shipped) in (SPLIT_FILE.parent / "README.md").read_text()


def test_half_of_the_embedded_families_are_held_out(shipped: dict[str, Any]) -> None:
    families = EMBEDDED_FAMILIES.read_text().split()
    assert len(set(families) & set(shipped["held_out_families"])) == len(families) // 2


@pytest.mark.skipif("HARNESS_DATA" not in os.environ, reason="HARNESS_DATA is not set")
def test_shipped_split_fits_the_real_seed_and_leaks_nothing() -> None:
    data = Path(os.environ["HARNESS_DATA"])
    if not (data / "structure/pdb_rna.csv").exists():
        pytest.skip("HARNESS_DATA holds no structure/pdb_rna.csv")
    split = load_split(data)
    # The 6-mer prefilter misses chance resemblance to the shortest records; the model card counts these.
    pdb = [sequence for sequence in read_benchmarks(data)["VL1/TS2"] if len(sequence) >= 40]
    assert not any(alike(entry.sequence, other) for entry in split.training[::50] for other in pdb)
