"""Results in the formats in which others collect them: Every Eval Ever, and Hugging Face's ``.eval_results``.

Written from records alone. Only done cells of models are exported: a control is nobody's model.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import UUID

from harness.publish.notes import notes_of
from harness.result import ResultRecord
from harness.task import Metric

EVERY_EVAL_EVER = "0.3.0"
"""Version of https://github.com/evaleval/every_eval_ever whose schema the documents follow."""
_LIBRARY = "rna-harness"
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_URL = re.compile(r"https?://[^\s,;)]+")


def exported(records: Sequence[tuple[Path, ResultRecord]]) -> list[ResultRecord]:
    """The records that are exported, in their order, each cell once."""
    found = {record.cell: record for _, record in records if _is_result(record)}
    return list(found.values())


def every_eval_ever(record: ResultRecord, organisation: str, created: int) -> dict[str, Any]:
    """The document of one record. ``created`` is the time of the export in seconds since 1970.

    Metrics without a direction are left out, since the format asks for one. Bounds are not given: a record does not
    hold them. ``additional_details`` are text, as the format wants.
    """
    card, model = record.model.card, _model_id(record)
    return {
        "schema_version": EVERY_EVAL_EVER,
        "evaluation_id": f"{record.task.name}/{model}/{created}",
        "retrieved_timestamp": str(created),
        "source_metadata": {
            "source_name": _LIBRARY,
            "source_type": "evaluation_run",
            "source_organization_name": organisation,
            "evaluator_relationship": "third_party",
        },
        "eval_library": {
            "name": _LIBRARY,
            "version": record.environment.packages.get(_LIBRARY, version(_LIBRARY)),
            "additional_details": _texts({"task_version": record.task.version, "commit": record.environment.commit}),
        },
        "model_info": {
            "name": card.name,
            "id": model,
            **({"developer": card.hub_id.split("/")[0]} if card.hub_id else {}),
            "additional_details": _texts(
                {
                    "deployment_type": "self_deployed",
                    "model_availability": "open_weights" if card.hub_id else "unknown",
                    "identity": record.model.identity,
                    "revision": card.revision,
                    "dtype": record.model.dtype,
                    "parameters": card.parameters,
                }
            ),
        },
        "evaluation_results": [
            _result(record, name, metric)
            for name, metric in record.metrics.items()
            if metric.value is not None and metric.higher_is_better is not None
        ],
    }


def every_eval_ever_path(record: ResultRecord) -> PurePosixPath:
    """Where the document belongs in the collection: data/benchmark/developer/model/uuid.json, the same every time."""
    developer, _, model = _model_id(record).partition("/")
    name = UUID(bytes=hashlib.sha256(record.cell.encode()).digest()[:16], version=4)
    parts = (record.task.name, developer, model)
    return PurePosixPath("data", *map(_file_name, parts), f"{name}.json")


def hugging_face(record: ResultRecord, hub_dataset: str, source_url: str | None) -> list[dict[str, Any]]:
    """The entries of a ``.eval_results`` file: the headline, for the task of that name in ``hub_dataset``."""
    headline = record.metrics[record.task.headline]
    notes = [f"{record.task.headline} on {record.dataset.name}, task version {record.task.version}"]
    if headline.low is not None and headline.high is not None:
        notes.append(f"95 % interval {headline.low:.4f} to {headline.high:.4f}")
    entry: dict[str, Any] = {
        "dataset": {"id": hub_dataset, "task_id": record.task.name},
        "value": headline.value,
        "notes": "; ".join(notes),
    }
    if source_url is not None:
        entry["source"] = {"url": source_url, "name": f"{_LIBRARY} record {record.cell}"}
    return [entry]


def hugging_face_path(record: ResultRecord) -> PurePosixPath:
    """Where the entries belong, below a folder for every model: each is a repository of its own."""
    name = _file_name(f"{record.task.name}-{record.dataset.name}-{record.cell}")
    return PurePosixPath(_file_name(_model_id(record).replace("/", "--")), ".eval_results", f"{name}.yaml")


def as_json(document: Any) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def as_yaml(document: Any) -> str:
    import yaml

    return str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=1000))


def _is_result(record: ResultRecord) -> bool:
    headline = record.metrics.get(record.task.headline)
    if record.status != "done" or headline is None or headline.value is None:
        return False
    return record.model.card.role == "model" and record.model.identity is not None


def _model_id(record: ResultRecord) -> str:
    return record.model.card.hub_id or f"unknown/{record.model.card.name}"


def _file_name(text: str) -> str:
    """A name that leads to no other folder, whatever a card calls its model."""
    return _UNSAFE.sub("-", text).lstrip(".") or "-"


def _result(record: ResultRecord, name: str, metric: Metric) -> dict[str, Any]:
    details = {"n": metric.n, "headline": name == record.task.headline, "notes": " ".join(notes_of(record))}
    score: dict[str, Any] = {"score": metric.value, "details": _texts(details)}
    if metric.low is not None and metric.high is not None:
        interval = {"lower": metric.low, "upper": metric.high, "confidence_level": 0.95, "method": "bootstrap"}
        score["uncertainty"] = {"confidence_interval": interval}
        if metric.n is not None:
            score["uncertainty"]["num_samples"] = metric.n
    return {
        "evaluation_result_id": f"{record.cell}/{name}",
        "evaluation_name": record.task.name,
        "source_data": _source_data(record),
        "metric_config": {
            "metric_id": f"{record.task.name}.{name}",
            "metric_name": name.replace("_", " "),
            **({"metric_unit": metric.unit} if metric.unit else {}),
            "lower_is_better": not metric.higher_is_better,
            "additional_details": _texts(
                record.settings | {"layers": record.layers, "seeds": record.seeds, "limit": record.limit}
            ),
        },
        "score_details": score,
    }


def _source_data(record: ResultRecord) -> dict[str, Any]:
    dataset = record.dataset
    details = _texts(
        {"fingerprint": dataset.fingerprint, "licence": dataset.licence, "used": dataset.used}
        | {"simulated": dataset.simulated, "source": dataset.source}
    )
    start: dict[str, Any] = {"dataset_name": dataset.name, "additional_details": details}
    urls = _URL.findall(dataset.source)
    return start | ({"source_type": "url", "url": urls} if urls else {"source_type": "other"})


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Values as text, JSON where they are not text already; what is not known is left out."""
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in values.items()
        if value is not None
    }
