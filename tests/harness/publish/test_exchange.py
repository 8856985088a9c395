"""Results in the formats of others: what those ask for is there, and says what the record says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.publish.exchange import (
    as_json,
    as_yaml,
    every_eval_ever,
    every_eval_ever_path,
    exported,
    hugging_face,
    hugging_face_path,
)
from harness.result import ResultRecord, read_records
from harness.task import Metric
from tests.harness.publish.report.made import SAE_CELL, results

NOW = 1_700_000_000


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, ResultRecord]]:
    return read_records(results(tmp_path_factory.mktemp("results")))[0]


@pytest.fixture
def record(found: list[tuple[Path, ResultRecord]]) -> ResultRecord:
    return next(record for _, record in found if record.cell == SAE_CELL)


def texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(entry, str) for entry in value.values())


def test_only_finished_results_of_models_are_exported(found: list[tuple[Path, ResultRecord]]) -> None:
    assert sorted(record.model.card.name for record in exported(found)) == ["another", "fake", "fake"]


def test_the_document_has_what_version_0_3_of_the_schema_requires(record: ResultRecord) -> None:
    """The required fields and types of eval.schema.json, written out."""
    document = json.loads(as_json(every_eval_ever(record, "us", NOW)))
    required = {"schema_version", "evaluation_id", "retrieved_timestamp", "source_metadata", "model_info"}
    assert set(document) == required | {"eval_library", "evaluation_results"}
    assert document["schema_version"] == "0.3.0" and document["retrieved_timestamp"] == str(NOW)
    assert document["evaluation_id"] == f"sae-families/unknown/fake/{NOW}"
    source = document["source_metadata"]
    assert source["source_type"] == "evaluation_run" and source["source_organization_name"] == "us"
    assert source["evaluator_relationship"] in {"first_party", "third_party", "collaborative", "other"}
    assert {"name", "version"} <= set(document["eval_library"]) and texts(
        document["eval_library"]["additional_details"]
    )
    model = document["model_info"]
    assert {"name", "id"} <= set(model) and texts(model["additional_details"])
    assert model["additional_details"]["deployment_type"] in {"self_deployed", "externally_managed", "unknown"}
    assert model["additional_details"]["model_availability"] in {"open_weights", "closed_weights", "unknown"}
    (result,) = document["evaluation_results"]
    assert isinstance(result["evaluation_name"], str)
    assert result["metric_config"]["lower_is_better"] is False and texts(result["metric_config"]["additional_details"])
    # bounds belong to a continuous score, and a record does not know them
    assert not {"score_type", "min_score", "max_score"} & set(result["metric_config"])
    assert (
        result["source_data"]["source_type"] in {"url", "other"} and result["source_data"]["dataset_name"] == "fake-set"
    )
    assert result["score_details"]["score"] == 0.8 and texts(result["score_details"]["details"])
    interval = {"lower": 0.7, "upper": 0.9, "confidence_level": 0.95, "method": "bootstrap"}
    assert result["score_details"]["uncertainty"] == {"confidence_interval": interval, "num_samples": 3}


def test_a_metric_without_a_value_or_a_direction_is_no_score(record: ResultRecord) -> None:
    metrics = {
        "down": Metric(value=1.0, higher_is_better=False),
        "none": Metric(value=None),
        "neither": Metric(value=2.0, higher_is_better=None),
    }
    document = every_eval_ever(record.model_copy(update={"metrics": metrics}), "us", NOW)
    (result,) = document["evaluation_results"]
    assert result["metric_config"]["lower_is_better"] is True and "uncertainty" not in result["score_details"]


def test_a_model_and_a_dataset_of_the_web_are_named_as_there(record: ResultRecord) -> None:
    card = record.model.card.model_copy(update={"hub_id": "owner/name", "revision": "abc"})
    known = record.model_copy(
        update={
            "model": record.model.model_copy(update={"card": card}),
            "dataset": record.dataset.model_copy(update={"source": "Rfam 14.1, https://rfam.org"}),
        }
    )
    document = every_eval_ever(known, "us", NOW)
    assert document["model_info"]["id"] == "owner/name" and document["model_info"]["developer"] == "owner"
    assert document["evaluation_results"][0]["source_data"]["url"] == ["https://rfam.org"]
    assert every_eval_ever_path(known).parts[:4] == ("data", "sae-families", "owner", "name")


def test_files_are_named_as_the_collection_asks_and_the_same_every_time(record: ResultRecord) -> None:
    path = every_eval_ever_path(record)
    uuid4 = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    assert re.fullmatch(rf"data/sae-families/unknown/fake/{uuid4}\.json", str(path))
    assert path == every_eval_ever_path(record)
    hostile = record.model.card.model_copy(update={"hub_id": "../../a b/c"})
    moved = record.model_copy(update={"model": record.model.model_copy(update={"card": hostile})})
    for path, depth in ((every_eval_ever_path(moved), 5), (hugging_face_path(moved), 3)):
        assert len(path.parts) == depth and ".." not in path.parts and " " not in str(path)


def test_hugging_face_gets_the_headline(record: ResultRecord) -> None:
    text = as_yaml(hugging_face(record, "us/benchmark", "https://example.org/records"))
    assert yaml.safe_load(text) == [
        {
            "dataset": {"id": "us/benchmark", "task_id": "sae-families"},
            "value": 0.8,
            "notes": "auroc_macro on fake-set, task version 1; 95 % interval 0.7000 to 0.9000",
            "source": {"url": "https://example.org/records", "name": f"rna-harness record {SAE_CELL}"},
        }
    ]
    assert "source" not in hugging_face(record, "us/benchmark", None)[0]
    assert hugging_face_path(record).parts == (
        "unknown--fake",
        ".eval_results",
        f"sae-families-fake-set-{SAE_CELL}.yaml",
    )
