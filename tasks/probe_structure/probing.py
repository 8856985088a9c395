"""Everything that is fitted on one source: its zero-shot head, the regression on its maps, the heads on its states."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.adapter import ModelAdapter
from harness.datasets.alignments import model_inputs
from harness.errors import HarnessError, NotApplicable
from harness.storage.kept import Arrays
from harness.task import CellContext
from tasks.probe_structure.attention import PENALTIES, fit, logits, read_maps
from tasks.probe_structure.examples import examples_of, order, sizes, teaching
from tasks.probe_structure.heads import KINDS, Kind, Trained, train
from tasks.probe_structure.scoring import Scored, score
from tasks.probe_structure.settings import ProbeStructureSettings
from tasks.probe_structure.tuning import TUNED, tune
from tasks.probes.sources import MODEL, TWINS, Source
from tasks.structure.data import Rna, StructureData
from tasks.structure.protocol import score_test, select
from tasks.structure.scoring import visit_scores

ATTENTION = "attention-logistic"
HEADS = (ATTENTION, *KINDS, TUNED)

Key = tuple[str, int, int]
"""Head, number of training RNAs, seed."""
LayerKey = tuple[str, int, int]
"""Head, layer, seed."""


@dataclass
class Probed:
    """What a source reaches: without training, and with every head, number of training RNAs and seed.

    ``chosen`` says what validation chose for each head beside its threshold. ``layers`` holds heads on each of several
    layers, with all training RNAs.
    """

    source: Source
    zero_shot: Scored | None = None
    zero_shot_head: dict[str, object] = field(default_factory=dict)
    heads: dict[Key, Scored] = field(default_factory=dict)
    chosen: dict[Key, dict[str, float]] = field(default_factory=dict)
    layers: dict[LayerKey, Scored] = field(default_factory=dict)


def probe(source: Source, data: StructureData, settings: ProbeStructureSettings, context: CellContext) -> Probed:
    """All of it for one source; what is finished is kept in a folder of its own for a later run."""
    own = replace(context, work=context.work / source.label.replace(" ", "-"))
    found = Probed(source)
    source.model.load(context.device)
    capabilities = source.model.card.capabilities
    if capabilities & {"attention", "pair_scores"}:
        _zero_shot(found, data, settings, own)
        with own.phase(ATTENTION):
            _keep(found, ATTENTION, partial(_attention, source, data, settings, own), own)
    if "hidden_states" in capabilities:
        with own.phase("heads on hidden states"):
            _keep(found, "heads-and-layers", partial(_heads, source, data, settings, own), own)
    if settings.tuned_blocks and source.name in (MODEL, TWINS):
        with own.phase(TUNED), suppress(NotApplicable):
            _keep(found, TUNED, partial(_tuned, source, data, settings, own), own)
    if source.name == TWINS:
        source.model.unload()
    return found


def _zero_shot(found: Probed, data: StructureData, settings: ProbeStructureSettings, context: CellContext) -> None:
    """The best head and threshold of validation, as structure-f1 chooses them."""
    show = partial(visit_scores, found.source.model, None, context)
    selection = select(show, replace(data, train=()), settings.draws, context)
    tested = score_test(show, data.test, selection.options, context)
    found.zero_shot = Scored.chosen_by(selection, tested)
    found.zero_shot_head = {
        "layer": selection.chosen.layer,
        "head": selection.chosen.head,
        "threshold": selection.chosen.threshold,
        "f1_validation": found.zero_shot.validation,
    }


def _keep(found: Probed, name: str, compute: Callable[[], Probed], context: CellContext) -> None:
    """Add what ``compute`` finds, or what an interrupted run kept of it."""

    def arrays() -> Arrays:
        new = compute()
        stored: dict[str, Any] = {"keys": np.array(["|".join(map(str, key)) for key in new.heads])}
        for number, (key, own) in enumerate(new.heads.items()):
            stored |= own.arrays(str(number))
            stored |= {f"{number} chosen {part}": np.array(value) for part, value in new.chosen[key].items()}
        for (head, layer, seed), own in new.layers.items():
            stored |= own.arrays(f"layer|{head}|{layer}|{seed}|")
        return stored

    kept = context.kept(name, arrays)
    for number, text in enumerate(kept["keys"].tolist()):
        head, count, seed = text.split("|")
        key = head, int(count), int(seed)
        found.heads[key] = Scored.of(kept, str(number))
        start = f"{number} chosen "
        found.chosen[key] = {part[len(start) :]: float(kept[part]) for part in kept if part.startswith(start)}
    for name in sorted({part.rpartition("|")[0] for part in kept if part.startswith("layer|")}):
        _, head, layer, seed = name.split("|")
        found.layers[head, int(layer), int(seed)] = Scored.of(kept, f"{name}|")


def _attention(source: Source, data: StructureData, settings: ProbeStructureSettings, context: CellContext) -> Probed:
    """One regression per seed, its penalty by validation F1."""
    rnas = teaching(data.train)
    count = min(settings.attention_examples, len(rnas))
    orders = {seed: order(rnas, seed)[:count] for seed in source.seeds}
    read = sorted({k for own in orders.values() for k in own})
    examples = {k: examples_of(rnas[k]) for k in read}
    maps = dict(
        zip(read, read_maps(source.model, [rnas[k] for k in read], list(examples.values()), context), strict=True)
    )
    probes = [
        fit([maps[k] for k in own], [examples[k] for k in own], penalty)
        for own in orders.values()
        for penalty in PENALTIES
    ]
    validation, test = (
        logits(source.model, some, probes, context, label)
        for some, label in ((data.select, "attention of validation RNAs"), (data.test, "attention of test RNAs"))
    )
    found = Probed(source)
    for row, seed in enumerate(source.seeds):
        first = row * len(PENALTIES)
        options = [
            score([own[first + k] for own in validation], [own[first + k] for own in test], data, settings.draws)
            for k in range(len(PENALTIES))
        ]
        best = int(np.argmax([own.validation for own in options]))
        found.heads[ATTENTION, count, seed] = options[best]
        used = int((probes[first + best].weights != 0).sum())
        found.chosen[ATTENTION, count, seed] = {"penalty": PENALTIES[best], "attention_heads_used": used}
    return found


def _heads(source: Source, data: StructureData, settings: ProbeStructureSettings, context: CellContext) -> Probed:
    """Both heads with every number of training RNAs and every seed; layer, decay and steps by validation loss."""
    rnas = teaching(data.train)
    layers = settings.layers if source.model.card.layers else (0,)
    training, validation, test = (
        read_states(source.model, some, layers, context, f"hidden states of {name} RNAs")
        for name, some in (("training", rnas), ("validation", data.select), ("test", data.test))
    )
    examples = [examples_of(rna) for rna in rnas]
    judging = [k for k, rna in enumerate(data.select) if teaching([rna])]
    judged = [examples_of(data.select[k]) for k in judging]
    found = Probed(source)
    counts = sizes(settings.examples, len(rnas))
    most = counts[-1]
    fits = [(kind, count, seed) for kind in KINDS for count in counts for seed in source.seeds]
    for kind, count, seed in context.progress.over(f"heads on hidden states of {source.label}", fits):
        some = order(rnas, seed)[:count]

        def trained(layer: int, kind: Kind = kind, some: Sequence[int] = some, seed: int = seed) -> Trained:
            held_out = [validation[layer][k] for k in judging], judged
            own = [training[layer][k] for k in some]
            return train(kind, layer, own, [examples[k] for k in some], held_out, settings.steps, seed)

        def scored(own: Trained) -> Scored:
            on_validation, on_test = ([own.logits(one) for one in states[own.layer]] for states in (validation, test))
            return score(on_validation, on_test, data, settings.draws)

        fitted = [trained(layer) for layer in layers]
        best = min(fitted, key=lambda own: own.loss)
        found.heads[kind, count, seed] = scored(best)
        if len(layers) > 1 and count == most:
            for own in fitted:
                place = kind, source.model.resolve_layer(own.layer), seed
                found.layers[place] = found.heads[kind, count, seed] if own is best else scored(own)
        found.chosen[kind, count, seed] = {"layer": best.layer, "decay": best.decay, "steps": best.steps}
    return found


def _tuned(source: Source, data: StructureData, settings: ProbeStructureSettings, context: CellContext) -> Probed:
    """The small head trained together with the last blocks, with every number of training RNAs and every seed."""
    rnas, judges = teaching(data.train), teaching(data.select)
    examples = [examples_of(rna) for rna in rnas]
    held_out = judges, [examples_of(rna) for rna in judges]
    found = Probed(source)
    fits = [(count, seed) for count in sizes(settings.examples, len(rnas)) for seed in source.seeds]
    for count, seed in context.progress.over(f"{TUNED} of {source.label}", fits):
        some = order(rnas, seed)[:count]
        own, of = [rnas[k] for k in some], [examples[k] for k in some]
        best = tune(source.model, own, of, held_out, settings, seed, context.device)
        found.heads[TUNED, count, seed] = score(best.logits(data.select), best.logits(data.test), data, settings.draws)
        found.chosen[TUNED, count, seed] = {"steps": best.steps}
    return found


def read_states(
    model: ModelAdapter, rnas: Sequence[Rna], layers: Sequence[int], context: CellContext, label: str
) -> dict[int, list[NDArray[np.float32]]]:
    """Layer -> (length, width) float32 of every RNA, all in memory.

    Raises:
        HarnessError: the model returned no states for an RNA.
    """
    found: dict[int, list[NDArray[np.float32]]] = {
        layer: [np.empty((0, 0), np.float32)] * len(rnas) for layer in layers
    }
    given: Any = model_inputs(model.card, [rna.record for rna in rnas])
    seen = 0
    with context.progress.track(label, len(rnas)) as advance:
        for index, states in model.hidden_states(given, layers):
            for layer in layers:
                found[layer][index] = states[layer].copy()
            seen += 1
            advance(seen)
    if seen < len(rnas):
        raise HarnessError(f"{model.card.name} returned no hidden states for {len(rnas) - seen} of {len(rnas)} RNAs")
    return found
