"""Notes that a reader needs to interpret a record's numbers."""

from __future__ import annotations

from harness.result import ResultRecord

_EXPOSURE = "pretraining exposure to "


def notes_of(record: ResultRecord) -> list[str]:
    """The pretraining exposure that the record's card gives, then the notes of the task, each once.

    Older records hold the exposure as a note of the task. The card is the one place where it is known.
    """
    dataset = record.dataset.name
    exposure = f"{_EXPOSURE}{dataset}: {record.model.card.exposure_to(dataset)}"
    return [exposure, *dict.fromkeys(note for note in record.notes if not note.startswith(_EXPOSURE))]
