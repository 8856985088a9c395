"""The overall picture: every model once, on every task, with what cannot be compared under its own name."""

from __future__ import annotations

from pathlib import Path

from harness.publish.pages.overview import MOST_ACROSS, MOST_IN_A_CELL, overview, with_overview
from harness.publish.scores import boards
from harness.result import ResultRecord
from tests.harness.publish.test_scores import made

Member = tuple[Path, ResultRecord]


def on(member: Member, dataset: str, simulated: bool = False) -> Member:
    path, record = member
    update = {"name": dataset, "simulated": simulated, "fingerprint": dataset}
    return path, record.model_copy(update={"dataset": record.dataset.model_copy(update=update)})


def rows(text: str) -> dict[str, list[str]]:
    table = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return {cells[0].strip().split("*")[2]: [cell.strip() for cell in cells[1:]] for cells in table[2:]}


def test_a_model_is_one_row_and_a_task_one_column(tmp_path: Path) -> None:
    first, second = made(tmp_path, "first", 0.9), made(tmp_path, "second", 0.6, noise=1)
    floor = made(tmp_path, "kmer", 0.3, "floor", noise=3)
    one = boards([on(member, "set-a") for member in (first, second, floor)])
    other = boards([on(second, "set-b"), on(first, "set-c", simulated=True)])
    text = overview({"one-task": one, "other-task": other})
    found = rows(text)
    assert list(found) == ["first", "second"] and all(len(cells) == 2 for cells in found.values())
    assert found["first"][0].startswith("0.900 <sub>set-a</sub><br><sub>gain +0.600 [")
    assert found["first"][0].endswith("rank 1</sub>") and found["first"][1] == "–"
    assert found["second"][1].startswith("0.600 <sub>set-b</sub><br><sub>gain –")
    assert "- [other-task](other-task.md): set-b, set-c" in text and "further tables" not in text


def test_tables_of_most_models_are_shown_and_the_others_counted(tmp_path: Path) -> None:
    first, second = made(tmp_path, "first", 0.9), made(tmp_path, "second", 0.6, noise=1)
    sets = [on(first, f"set-{number}") for number in range(MOST_IN_A_CELL + 1)] + [on(second, "set-3")]
    text = overview({"a-task": boards(sets)})
    assert "set-3</sub>" in rows(text)["first"][0] and rows(text)["first"][0].count("gain") == MOST_IN_A_CELL
    assert "1 further tables on real data" in text


def test_more_tasks_than_fit_are_in_tables_below_each_other(tmp_path: Path) -> None:
    first, second = made(tmp_path, "first", 0.9), made(tmp_path, "second", 0.6, noise=1)
    by_task = {f"task-{number}": boards([on(first, "set-a")]) for number in range(MOST_ACROSS)}
    assert len(rows(overview(by_task))["first"]) == MOST_ACROSS
    text = overview(by_task | {"task-z": boards([on(second, "set-a")])})
    upper, lower = text.split("\n\n")[:2]
    assert set(rows(upper)) == {"first"} and set(rows(lower)) == {"first", "second"}
    assert (len(rows(upper)["first"]), len(rows(lower)["first"])) == (3, 2)


def test_what_a_reader_wrote_around_the_picture_stays() -> None:
    text = with_overview(with_overview("# Mine\n\nwords\n", "old"), "new")
    assert text.startswith("# Mine\n") and "words" in text and "new" in text and "old" not in text


def test_a_best_layer_comes_after_the_last_layers_of_every_dataset(tmp_path: Path) -> None:
    first = made(tmp_path, "first", 0.9)
    last = [on(first, f"set-{number}") for number in range(MOST_IN_A_CELL)]
    path, record = last[0]
    assert record.basis is not None
    best = record.model_copy(update={"basis": record.basis.model_copy(update={"layer_is_chosen": True})})
    shown = rows(overview({"a-task": boards([*last, (path, best)])}))["first"][0]
    assert "best layer" not in shown and all(f"set-{number}</sub>" in shown for number in range(MOST_IN_A_CELL))
    alone = rows(overview({"a-task": boards([(path, best)])}))["first"][0]
    assert "best layer" in alone
