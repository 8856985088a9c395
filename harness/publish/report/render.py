"""The report: one HTML file with everything in it, a pure function of the records and of the files beside them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from harness.publish.groups import Records
from harness.publish.report.examples import LEVELS, example_pages
from harness.publish.report.features import feature_page, layers_of
from harness.publish.report.overview import cell_page, overview
from harness.publish.report.parts import Part, fitting, script_json
from harness.result import ResultRecord

MOST_BYTES = 5_000_000
_FEATURE_BYTES, _EXAMPLE_BYTES = 2_000_000, 1_200_000
_BYTES_OF_A_FEATURE, _BYTES_OF_AN_EXAMPLE = 45, 130  # packed, as measured
_FEWEST, _MOST = 100, 8192
_SCRIPTS = ("page.js", "tables.js", "cell.js", "features.js", "sequences.js", "start.js")


@dataclass(frozen=True)
class Report:
    """The page as text, and what there was no room for."""

    html: str
    left_out: list[str]


def render_report(records: Records, out: Path, most_bytes: int = MOST_BYTES) -> Report:
    """The page that belongs at ``out``: links to records start there. At most ``most_bytes`` long, if the tables fit.

    Every text of a record is data in JSON, which the script writes as text; none of it is ever read as HTML.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    groups = overview(records, out)
    browsers: dict[str, list[int]] = {}
    parts = list(_parts(records, browsers))
    pictures = {
        record.cell: [part.name for part in parts if part.name.startswith(f"picture:{record.cell}:")]
        for _, record in records
    }
    index: dict[str, Any] = {
        "groups": groups,
        "browsers": browsers,
        "pictures": {cell: names for cell, names in pictures.items() if names},
        "levels": LEVELS,
        "leftOut": [],
    }
    templates = files(__package__).joinpath("templates")
    style = templates.joinpath("page.css").read_text(encoding="utf-8")
    script = "\n".join(templates.joinpath(name).read_text(encoding="utf-8") for name in _SCRIPTS)
    environment = Environment(
        loader=PackageLoader(__package__), autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    template = environment.get_template("page.html")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    text = {"style": style, "script": script, "digest": digest}
    bare = template.render(**text, index=script_json(index), parts={})
    packed, index["leftOut"] = fitting(parts, most_bytes - len(bare.encode()) - 100 * len(parts))
    return Report(template.render(**text, index=script_json(index), parts=packed), index["leftOut"])


def _parts(records: Records, browsers: dict[str, list[int]]) -> Iterator[Part]:
    """Everything that is unpacked on demand; fills ``browsers`` with the layers of every cell that has features."""
    layers = {path: layers_of(path.with_suffix("")) for path, record in records if record.status == "done"}
    seeds = max(1, sum(len(own) for found in layers.values() for own in found.values()))
    most_features = max(_FEWEST, min(_MOST, _FEATURE_BYTES // (_BYTES_OF_A_FEATURE * seeds)))
    most_examples = max(_FEWEST, _EXAMPLE_BYTES // (_BYTES_OF_AN_EXAMPLE * seeds))
    seen: set[str] = set()
    for path, record in records:
        if record.cell in seen:
            continue
        seen.add(record.cell)
        name, control = f"{record.model.card.name} on {record.dataset.name}", record.model.card.role != "model"
        yield Part(f"cell:{record.cell}", f"details of {name}", 2 if control else 0, cell_page(record))
        folder = path.with_suffix("")
        for layer in layers.get(path, ()):
            browsers.setdefault(record.cell, []).append(layer)
            where = f"{record.cell}:{layer}"
            page = feature_page(folder, layer, most_features)
            yield Part(f"features:{where}", f"features of {name}, layer {layer}", 1, page)
            for seed, examples in example_pages(folder, layer, most_examples).items():
                says = f"example sequences of {name}, layer {layer}, seed {seed}"
                yield Part(f"examples:{where}:{seed}", says, 4, examples)
        for picture in _pictures(path, record):
            says = f"picture {picture.name} of {name}"
            text = picture.read_text(encoding="utf-8")
            yield Part(f"picture:{record.cell}:{picture.name}", says, 5 if control else 3, text)


def _pictures(path: Path, record: ResultRecord) -> list[Path]:
    """The SVG files that the record names and that are there, by name."""
    folder = path.with_suffix("")
    named = (path.parent / name for name in sorted(record.files))
    return [file for file in named if file.suffix == ".svg" and file.parent == folder and file.is_file()]
