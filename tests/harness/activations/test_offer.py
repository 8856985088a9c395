"""A call that another process embeds a part of."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.activations import call
from harness.activations.offer import Offer, Offered, offering
from harness.activations.store import ActivationStore
from harness.activations.stored_model import StoredModel
from harness.activations.windowed import in_windows
from tests.harness.activations.stored import Costly, Opened, States, same, sequences, states_of

SEQUENCES = sequences(40)


@pytest.fixture(autouse=True)
def _small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call, "GROUP_NUCLEOTIDES", 300)


def behind(folder: Path, inner: Costly, device: str = "cuda", limit: int = 10**9) -> StoredModel:
    model = StoredModel(inner, ActivationStore(folder, limit, lambda line: None), {}, folder / "offers")
    model.load(device)
    return model


def in_another_process(function: Callable[[], object]) -> int:
    """Locks are those of a process; its exit code."""
    process = multiprocessing.get_context("fork").Process(target=function)
    process.start()
    process.join(60)
    assert process.exitcode is not None
    return process.exitcode


def only(folder: Path) -> Path:
    (path,) = (folder / "offers").glob("*.json")
    return path


def content_of(model: StoredModel) -> Offered:
    return Offered(model.what_computes(), [1], SEQUENCES, [[number] for number in range(len(SEQUENCES))])


def embed_all(folder: Path, noise: bool, leading: bool, device: str) -> None:
    inner = Costly(noise=noise, leading=leading)
    behind(folder, inner, device).embed(Offer(only(folder)))
    assert inner.asked


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("leading", [False, True])
def test_states_are_those_of_one_process_to_the_last_bit(tmp_path: Path, device: str, leading: bool) -> None:
    """Also of a model whose states depend on all that is in the batch: others embed the same groups."""
    alone = states_of(Opened(tmp_path / "alone", device=device)(Costly(noise=True, leading=leading)), SEQUENCES)
    model = behind(tmp_path, inner := Costly(noise=True, leading=leading), device)
    calls = model.hidden_states(SEQUENCES, (1, -1))
    first = next(calls)
    at_first = sum(len(given) for given, _ in inner.asked)
    assert in_another_process(lambda: embed_all(tmp_path, True, leading, device)) == 0
    together: dict[int, States] = {first[0]: first[1]} | dict(calls)
    assert same(alone, {index: together[index] for index in alone})
    if device == "cuda":  # one by one, the rest of the first group was still to come
        assert sum(len(given) for given, _ in inner.asked) == at_first < len(SEQUENCES)
    assert sum(len(given) for given, _ in inner.asked) < len(SEQUENCES) / 2
    assert not list((tmp_path / "offers").iterdir())


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_calls_that_are_announced_are_offered_as_a_whole(tmp_path: Path, device: str) -> None:
    """Each of them is one group, which is nothing to share; a sequence of two of them is embedded once."""
    calls = [SEQUENCES[:8], SEQUENCES[8:12] * 2, [SEQUENCES[0], *SEQUENCES[12:18]]]
    alone = Opened(tmp_path / "alone", device=device)(Costly(noise=True))
    expected = [states_of(alone, own) for own in calls]
    model = behind(tmp_path, inner := Costly(noise=True), device)
    with model.announced(calls, (1, -1)):
        assert len(Offer(only(tmp_path)).read().sequences) == 18
        assert in_another_process(lambda: embed_all(tmp_path, True, False, device)) == 0
        found = [states_of(model, own) for own in calls]  # type: ignore[arg-type]
        assert not inner.asked
    assert all(same(first, second) for first, second in zip(expected, found, strict=True))
    assert not list((tmp_path / "offers").iterdir())
    with model.announced(calls, (1, -1)):  # everything is stored
        assert not list((tmp_path / "offers").iterdir())
    with model.announced([], (1,)), behind(tmp_path, Costly(), limit=0).announced(calls, (1,)):
        assert not list((tmp_path / "offers").iterdir())


def test_what_is_announced_in_windows_are_windows(tmp_path: Path) -> None:
    model = in_windows(behind(tmp_path, Costly(max_length=30)))  # type: ignore[arg-type]
    long = [given * 3 for given in SEQUENCES[:10]]
    with model.announced([long], (1,)):
        offered = Offer(only(tmp_path)).read().sequences
        assert max(map(len, offered)) <= 30
        asked = model._model._model.asked  # type: ignore[attr-defined]
        states_of(model, long, [1])
    assert {given for inputs, _ in asked for given in inputs} == set(offered)


def test_a_process_that_dies_leaves_its_group_to_the_call(tmp_path: Path) -> None:
    def helper() -> None:
        inner = Costly(noise=True)
        run = inner._all

        def dies(*asked):  # type: ignore[no-untyped-def]
            yield next(run(*asked))
            os.kill(os.getpid(), signal.SIGKILL)

        inner._all = dies  # type: ignore[method-assign]
        behind(tmp_path, inner).embed(Offer(only(tmp_path)))

    model = behind(tmp_path, inner := Costly(noise=True))
    calls = model.hidden_states(SEQUENCES, (1, -1))
    found = dict([next(calls)])
    assert in_another_process(helper) == -signal.SIGKILL
    found |= dict(calls)
    alone = states_of(Opened(tmp_path / "alone")(Costly(noise=True)), SEQUENCES)
    assert same(alone, {index: found[index] for index in alone})
    assert sum(len(given) for given, _ in inner.asked) == len(SEQUENCES)


def test_a_group_that_another_process_has_is_waited_for_or_left_alone(tmp_path: Path) -> None:
    content = Offered("what", [1], ["ACGU"], [[0]])
    with offering(tmp_path, content) as mine:
        assert mine is not None
        with mine.group(3, wait=True) as taken:
            assert taken

            def look() -> None:
                theirs = Offer(mine.path)
                with theirs.group(3, wait=False) as third, theirs.group(4, wait=False) as fourth:
                    os._exit(2 * third + fourth)

            assert in_another_process(look) == 1
        assert in_another_process(look) == 3
        assert not mine.withdrawn and mine.read() == content
    assert mine.withdrawn and not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"computes": "a", "layers": [1]}', '{"sequences": 1'])
def test_what_is_no_offer_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "offer.json").write_text(text)
    with pytest.raises(ValueError):
        behind(tmp_path, Costly()).embed(Offer(tmp_path / "offer.json"))


def test_the_offer_of_another_version_is_refused_and_a_link_is_not_followed(tmp_path: Path) -> None:
    with offering(tmp_path / "offers", content_of(behind(tmp_path, Costly("other")))) as offer:
        assert offer is not None
        with pytest.raises(ValueError, match="another version of the model"):
            behind(tmp_path, Costly()).embed(offer)
        (tmp_path / "link").symlink_to(offer.path)
        with pytest.raises(OSError):
            Offer(tmp_path / "link")


def test_nothing_is_offered_where_one_group_is_lacking_or_nothing_is_stored(tmp_path: Path) -> None:
    for limit, given in ((10**9, SEQUENCES[:3]), (0, SEQUENCES)):
        calls = behind(tmp_path, Costly(), limit=limit).hidden_states(given, [1])
        next(calls)
        assert not (tmp_path / "offers").exists()
        list(calls)
    states_of(model := behind(tmp_path, Costly()), SEQUENCES, [1])  # type: ignore[arg-type]
    calls = model.hidden_states(SEQUENCES, [1])
    next(calls)
    assert not list((tmp_path / "offers").iterdir())


def test_a_folder_that_cannot_be_written_costs_help_alone(tmp_path: Path) -> None:
    model = behind(tmp_path, Costly())
    model.offers = tmp_path / "file" / "offers"
    (tmp_path / "file").touch()
    found = states_of(model, SEQUENCES)  # type: ignore[arg-type]
    assert len(found) == len(SEQUENCES) and np.isfinite(found[0][1]).all()


def test_whoever_helps_stops_when_the_store_takes_no_more_or_the_offer_is_withdrawn(tmp_path: Path) -> None:
    content = content_of(behind(tmp_path, Costly(), "cpu"))
    for limit in (100, 10**9):
        with offering(tmp_path, content) as offer:
            assert offer is not None
            if limit > 100:
                offer.path.unlink()
            behind(tmp_path, inner := Costly(), "cpu", limit).embed(offer)
            assert len(inner.asked) == 1
