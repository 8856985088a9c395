"""Values published by others: shown below the leaderboards and never ranked."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError
from tabulate import tabulate

from harness.errors import InputError
from harness.publish.escape import markdown
from harness.publish.format import number

PUBLISHED = "published.toml"


class PublishedValue(BaseModel):
    """One value as its source gives it. ``differs`` says why it is no row of a table of ours."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    task: str
    dataset: str
    model: str
    metric: str
    value: float
    source: str
    differs: str


class _Published(BaseModel):
    model_config = ConfigDict(extra="forbid")

    published: tuple[PublishedValue, ...] = ()


def read_published(path: Path) -> tuple[PublishedValue, ...]:
    """The ``[[published]]`` tables of a TOML file, in its order; none where there is no file.

    Raises:
        InputError: the file is no TOML, or a value lacks something or has too much.
    """
    if not path.is_file():
        return ()
    try:
        return _Published(**tomllib.loads(path.read_text(encoding="utf-8"))).published
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not TOML: {error}; fix or remove it") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path}: {where}: {first['msg']}; fix or remove it") from None


def published_table(values: Sequence[PublishedValue]) -> str:
    """Markdown to append to a page; empty where there is no value."""
    if not values:
        return ""
    header = ["model", "value", "metric", "dataset", "source", "what differs from ours"]
    rows = [
        [
            markdown(value.model),
            f"{number(value.value)} (published)",
            *map(markdown, (value.metric, value.dataset, value.source, value.differs)),
        ]
        for value in values
    ]
    table = tabulate(rows, headers=header, tablefmt="pipe", disable_numparse=True)
    return f"\n## Published values (not measured here)\n\nAs given in their sources; not ranked.\n\n{table}\n"
