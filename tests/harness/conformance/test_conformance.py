"""Every law holds of a sound adapter, and each has an adapter that breaks it and no other."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from harness.adapter import ModelAdapter, ModelFactory, ModelOptions
from harness.conformance import LAWS, Verdict, check, laws_for
from harness.conformance import letters as letters_module
from harness.conformance.sequences import standard_sequences
from harness.errors import Unavailable
from harness.sequences.alignment import Alignment
from tests.broken_adapters.batches import SeesPadding
from tests.broken_adapters.inputs import KeepsSpecialTokens, RefusesN
from tests.broken_adapters.laws import BROKEN
from tests.broken_adapters.places import ShiftsColumns, ShiftsRows, ShiftsUpperLayers
from tests.broken_adapters.weights import OwnVocabularyOrder
from tests.fakes import FakeModel, MissingModel
from tests.sound_adapters import HEALTHY, Sound


def failures(verdicts: list[Verdict]) -> list[str]:
    return [verdict.law for verdict in verdicts if verdict.outcome == "fail"]


@pytest.mark.parametrize("name", HEALTHY)
def test_a_sound_adapter_passes(name: str) -> None:
    verdicts = check(HEALTHY[name])
    assert not failures(verdicts), verdicts
    assert [verdict.law for verdict in verdicts] == [law.name for law in LAWS]


def test_the_sound_adapter_meets_every_law() -> None:
    assert {verdict.outcome for verdict in check(Sound)} == {"pass"}


@pytest.mark.parametrize(("law", "make"), BROKEN, ids=[f"{law}-{make.__name__}" for law, make in BROKEN])
def test_a_broken_adapter_breaks_its_law_and_no_other(law: str, make: ModelFactory) -> None:
    verdicts = check(make)
    assert failures(verdicts) == [law]
    [verdict] = [verdict for verdict in verdicts if verdict.law == law]
    assert verdict.remark


def test_every_law_has_an_adapter_that_breaks_it() -> None:
    # adapters are never shown other spellings: that law is broken through the normaliser, below
    assert {law.name for law in LAWS} == {law for law, _ in BROKEN} | {"spelling"}


def test_spelling_fails_where_the_normaliser_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letters_module, "normalise_sequence", lambda letters, name: (letters.upper(), 0))
    assert failures(check(Sound)) == ["spelling"]
    monkeypatch.setattr(
        letters_module, "normalise_sequence", lambda letters, name: (letters.upper().replace("T", "C"), 0)
    )
    assert failures(check(Sound)) == ["spelling"]


def test_the_figure_is_the_difference_itself() -> None:
    sequences = standard_sequences(Sound(ModelOptions()).card)
    model = SeesPadding(ModelOptions())
    batch, largest = model.sequence_vectors(sequences), 0.0
    for sequence, padded in zip(sequences, batch, strict=True):
        [alone] = model.sequence_vectors([sequence])
        largest = max(largest, float(max(abs(padded - alone)) / max(1, *abs(padded))))
    figures = {verdict.law: verdict.figure for verdict in check(SeesPadding)}
    assert largest > 0.1 and figures["alone-or-padded"] == pytest.approx(largest, rel=1e-5)
    assert figures["same-twice"] == 0


def test_a_refusal_that_the_card_declares_is_sound() -> None:
    def declared(options: ModelOptions) -> ModelAdapter:
        adapter = RefusesN(options)
        adapter.card = adapter.card.model_copy(update={"quirks": ("its vocabulary has no N",)})
        return adapter

    assert not failures(check(declared))


def test_what_is_not_on_this_machine_is_no_failure_of_a_law() -> None:
    with pytest.raises(Unavailable, match="harness prefetch missing"):
        check(lambda options: MissingModel("missing"))


def test_a_model_of_one_capability_is_judged_by_what_concerns_it() -> None:
    def make(options: ModelOptions) -> ModelAdapter:
        return FakeModel(capabilities={"hidden_states"}, width=5, max_length=50)

    outcomes = {verdict.law: verdict.outcome for verdict in check(make)}
    assert outcomes["attention-rows"] == outcomes["mask-hides"] == outcomes["batch-budget"] == "not-applicable"
    assert outcomes["width"] == outcomes["coverage"] == "pass"
    assert {str(law) for law in laws_for(make)} == {
        law.name for law in LAWS if not law.needs or "hidden_states" in law.needs
    }


class Aligned(Sound):
    """Reads alignments: the query, with the depth as a trace of the other rows."""

    def __init__(self, options: ModelOptions, initialisation: int | None = None) -> None:
        super().__init__(options, initialisation)
        capabilities = frozenset({"alignment", "hidden_states", "attention"})
        self.card = self.card.model_copy(update={"capabilities": capabilities})

    def codes(self, sequence: str) -> list[int]:
        assert isinstance(sequence, Alignment) and sequence.depth > 1
        return super().codes(sequence.query)

    def check_lengths(self, sequences: object) -> None:
        super().check_lengths([item.query for item in sequences])  # type: ignore[attr-defined]

    def batched(self, sequences):  # type: ignore[no-untyped-def]
        self.check_lengths(sequences)
        yield from ([index] for index in range(len(sequences)))


class Protein(Sound):
    """A floor, because its letters are not those of a tokenizer's file."""

    def __init__(self, options: ModelOptions, initialisation: int | None = None) -> None:
        super().__init__(options, initialisation)
        kept = frozenset({"hidden_states", "leading", "attention", "sequence_vectors"})
        self.card = self.card.model_copy(update={"alphabet": "protein", "capabilities": kept, "role": "floor"})

    def codes(self, sequence: str) -> list[int]:
        return ["ABCDEFGHIJKLMNOPQRSTUVWXYZ".index(letter) for letter in sequence]

    def embed(self, codes):  # type: ignore[no-untyped-def]
        return np.random.default_rng(0).normal(size=(26, 8)).astype(np.float32)[codes]


@pytest.mark.parametrize("make", [Aligned, Protein])
def test_models_of_alignments_and_of_proteins(make: ModelFactory) -> None:
    assert not failures(check(make))


@pytest.mark.parametrize("law", laws_for(Sound), ids=str)
def test_as_pytest_cases(law) -> None:  # type: ignore[no-untyped-def]
    law.demand()


def test_a_case_that_fails_says_the_law_the_figure_and_the_remark() -> None:
    [case] = [law for law in laws_for(SeesPadding) if str(law) == "alone-or-padded"]
    with pytest.raises(
        AssertionError, match=r"A sequence gives the same output alone and in a batch .* sequence_vectors"
    ):
        case.demand()


class KnowsT(Sound):
    """Its vocabulary writes T, and it does not map U to it."""

    def codes(self, sequence: str) -> list[int]:
        return [{"A": 0, "C": 1, "G": 2, "T": 3, "N": 4}[letter] for letter in sequence]


class KnowsNoN(Sound):
    def codes(self, sequence: str) -> list[int]:
        if "N" in sequence:
            raise KeyError("N")
        return super().codes(sequence)


class Breaks(Sound):
    def codes(self, sequence: str) -> list[int]:
        raise RuntimeError("out of order")


def test_an_error_is_told_once_with_its_cause() -> None:
    verdicts = check(KnowsT)
    [told] = [verdict for verdict in verdicts if verdict.outcome == "fail"]
    assert told.remark == "U is not accepted (KeyError: 'U'): T is passed as U: map U to the vocabulary's T"
    others = [verdict.remark for verdict in verdicts if verdict.outcome == "not-judged"]
    assert len(others) > 10 and set(others) == {f"stopped by the same error as {told.law}"}


def test_a_letter_is_blamed_only_where_it_is_the_letter() -> None:
    [told] = [verdict for verdict in check(KnowsNoN) if verdict.outcome == "fail"]
    assert told.law == "unknown-letter"
    assert told.remark.startswith(
        "N is not accepted (KeyError: 'N'): read it as the unknown token, or raise an InputError"
    )
    [told] = [verdict for verdict in check(Breaks) if verdict.outcome == "fail"]
    assert told.remark == "raised RuntimeError: out of order"


def test_special_tokens_that_were_not_cut_are_named_and_stop_the_laws_of_place() -> None:
    found = {verdict.law: verdict for verdict in check(KeepsSpecialTokens)}
    assert found["length"].remark.startswith("special tokens not cut? 2 rows too many")
    assert found["coverage"].outcome == found["hidden-place"].outcome == found["longest"].outcome == "not-judged"
    assert found["coverage"].remark == "layer 0 has 38 rows for 36 nt: see length"


@pytest.mark.parametrize(("make", "shift"), [(ShiftsColumns, 1), (ShiftsRows, 1), (ShiftsUpperLayers, 1)])
def test_the_figure_of_a_shift_is_the_shift(make: ModelFactory, shift: int) -> None:
    [told] = [verdict for verdict in check(make) if verdict.outcome == "fail"]
    assert told.figure == shift and f"{shift:+d} nucleotides" in told.remark


def test_a_case_that_cannot_be_judged_is_no_case_that_passes() -> None:
    [case] = [law for law in laws_for(KeepsSpecialTokens) if str(law) == "coverage"]
    with pytest.raises(AssertionError, match="see length"):
        case.demand()


def write_tokenizer(folder: Path, letters: str) -> None:
    vocabulary = {letter: number for number, letter in enumerate(letters)}
    model = {"type": "WordLevel", "vocab": vocabulary, "unk_token": "N"}
    (folder / "tokenizer.json").write_text(json.dumps({"version": "1.0", "added_tokens": [], "model": model}))


class ReadsTokenizerFile(Sound):
    def vocabulary(self) -> list[str]:
        vocabulary = json.loads((self.weights_folder() / "tokenizer.json").read_text())["model"]["vocab"]
        return sorted(vocabulary, key=lambda token: vocabulary[token])


@pytest.mark.parametrize(("make", "fails"), [(ReadsTokenizerFile, []), (OwnVocabularyOrder, ["vocabulary-read"])])
def test_a_tokenizer_json_is_a_vocabulary_too(make: ModelFactory, fails: list[str], tmp_path: Path) -> None:
    shutil.copyfile(Sound(ModelOptions()).weights_folder() / "model.safetensors", tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text("{}")
    write_tokenizer(tmp_path, "ACGUN")
    before = (tmp_path / "tokenizer.json").read_bytes(), (tmp_path / "model.safetensors").read_bytes()
    assert failures(check(make, weights=tmp_path)) == fails
    assert before == ((tmp_path / "tokenizer.json").read_bytes(), (tmp_path / "model.safetensors").read_bytes())


def test_a_model_without_files_is_not_judged_by_them() -> None:
    verdicts = {verdict.law: verdict for verdict in check(lambda options: FakeModel(layers=0))}
    for name in ("weights-read", "vocabulary-read"):
        assert verdicts[name].outcome == "not-applicable" and "--weights" in verdicts[name].remark


def test_the_documentation_states_every_law() -> None:
    page = (Path(__file__).parents[3] / "docs" / "conformance.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split(" | ")] for line in page.splitlines() if line.startswith("| `")]
    assert [row[0] for row in rows] == [f"| `{law}`" for law in LAWS]
    assert [row[1] for row in rows] == [law.statement for law in LAWS]
