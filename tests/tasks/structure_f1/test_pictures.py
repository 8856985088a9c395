from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd

from harness.datasets.records import Record
from tasks.structure.data import Rna
from tasks.structure.pictures import draw_contacts, draw_f1_by_length
from tasks.structure.selection import Choice
from tasks.structure_f1.pictures import draw_heads
from tests.tasks.structure.planted import hairpin


def draw(folder: Path) -> list[Path]:
    made = [hairpin(seed) for seed in range(4)]
    rnas = [Rna(Record(f"r$_{k}$", sequence, pairs=pairs)) for k, (sequence, pairs) in enumerate(made)]
    scores = [np.random.default_rng(k).random(rna.pairs, dtype=np.float32) for k, rna in enumerate(rnas)]
    table = pd.DataFrame({"length": [17] * 4, "pairs": [6, 6, 6, 0], "f1": [0.1, 0.5, 0.3, np.nan]})
    heads = pd.DataFrame({"layer": [1, 1, 2], "head": [0, 1, 0], "f1_validation": [0.1, 0.3, 0.2]})
    paths = [folder / name for name in ("heads.svg", "length.svg", "contacts.svg")]
    draw_heads(paths[0], heads, "a & b")
    draw_f1_by_length(paths[1], table, "a & b")
    draw_contacts(paths[2], rnas, scores, Choice(1, 0, 900), table, "a & b")
    return paths


def test_pictures_are_the_same_to_the_byte_and_name_their_subject(tmp_path: Path) -> None:
    for first, second in zip(draw(tmp_path / "a"), draw(tmp_path / "b"), strict=True):
        assert first.read_bytes() == second.read_bytes()
        texts = [text for text in ElementTree.parse(first).getroot().itertext()]
        assert any("a & b" in text for text in texts)
    contacts = (tmp_path / "a" / "contacts.svg").read_text()
    assert [name for name in ("r$_0$", "r$_1$", "r$_2$", "r$_3$") if name in contacts] == ["r$_0$", "r$_1$", "r$_2$"]
    assert "F1 0.50" in contacts and "known" in contacts and "predicted" in contacts
