from __future__ import annotations

import base64
import io
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import squareform

from tasks.sae_families.pictures import _draw_tree, draw_similarity


def blocks(families: int = 7) -> pd.DataFrame:
    """Two kinds of families, in an order that mixes them."""
    generator = np.random.default_rng(0)
    kind = np.arange(families) % 2
    values = np.where(kind[:, None] == kind, 0.8, -0.6) + 0.1 * generator.random((families, families))
    values = (values + values.T) / 2
    np.fill_diagonal(values, 1)
    names = [f"RF{k}" for k in range(families)]
    table = pd.DataFrame(values, columns=names)
    table.insert(0, "family", names)
    return table


def elements(path: Path, tag: str) -> list[ElementTree.Element]:
    return list(ElementTree.parse(path).getroot().iter(f"{{http://www.w3.org/2000/svg}}{tag}"))


def texts(path: Path) -> list[str]:
    return ["".join(node.itertext()) for node in elements(path, "text")]


def test_cells_are_where_their_labels_say(tmp_path: Path) -> None:
    similarity, path = blocks(), tmp_path / "similarity.svg"
    draw_similarity(path, similarity, {"RF3": "tRNA"}, "model · data (simulated) · layer 4")
    written = texts(path)
    labels = [text for text in written if "RF" in text]
    columns, rows = labels[:7], labels[7:]
    assert columns == rows and "tRNA RF3" in rows
    assert "model · data (simulated) · layer 4" in written
    order = [int(label.split("RF")[1]) for label in rows]
    assert sorted(order) == list(range(7)) and (np.diff(np.array(order) % 2) != 0).sum() == 1
    # the heat map has one pixel per cell and stands upright; the colour bar is the other image
    (image,) = (node for node in elements(path, "image") if node.get("height") == "7")
    assert re.match(r"matrix\(([\d.]+) 0 0 \1 ", image.get("transform", ""))
    png = base64.b64decode(image.attrib["{http://www.w3.org/1999/xlink}href"].partition(",")[2])
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
    values = similarity.set_index("family").to_numpy()
    expected = matplotlib.colormaps["RdBu_r"]((values[np.ix_(order, order)] + 1) / 2, bytes=True)[..., :3]
    assert np.abs(pixels - expected).max() <= 2


def test_the_tree_is_average_linkage() -> None:
    # a and b join at 0.2; c joins both at the mean of 0.6 and 0.8
    distance = np.array([[0, 0.2, 0.6], [0.2, 0, 0.8], [0.6, 0.8, 0]])
    axes = Figure().add_subplot()
    _draw_tree(axes, linkage(squareform(distance), "average"))
    merges = sorted((line.get_xydata() for line in axes.lines), key=lambda points: points[:, 0].max())
    assert [points[:, 0].max() for points in merges] == pytest.approx([0.2, 0.7])
    low, high = merges[0][0, 1], merges[0][-1, 1]
    assert {low, high} < {5.0, 15.0, 25.0} and abs(high - low) == 10
    assert (low + high) / 2 in (merges[1][0, 1], merges[1][-1, 1])


def test_names_are_text_and_not_markup(tmp_path: Path) -> None:
    path = tmp_path / "similarity.svg"
    draw_similarity(path, blocks(2), {"RF0": "a$_b$ <c> & d"}, "x$^2$")
    assert texts(path).count("a$_b$ <c> & d RF0") == 2 and "x$^2$" in texts(path)


SCRIPT = """
import sys; from pathlib import Path
from tests.tasks.sae_families.test_pictures import blocks
from tasks.sae_families.pictures import draw_similarity
draw_similarity(Path(sys.argv[1]), blocks(), {}, "subject")
assert "matplotlib.pyplot" not in sys.modules
"""


def test_the_same_numbers_give_the_same_bytes_and_no_global_setting_changes(tmp_path: Path) -> None:
    before = matplotlib.rcParams.copy()
    draw_similarity(tmp_path / "similarity.svg", blocks(), {}, "subject")
    assert matplotlib.rcParams.copy() == before
    environment = os.environ | {"PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)}
    there = tmp_path / "there" / "similarity.svg"
    subprocess.run([sys.executable, "-c", SCRIPT, str(there)], env=environment, check=True)
    assert (tmp_path / "similarity.svg").read_bytes() == there.read_bytes()
    assert sorted(file.name for file in tmp_path.rglob("*.svg")) == ["similarity.svg", "similarity.svg"]
