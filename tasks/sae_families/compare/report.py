"""What a comparison says in words: the Markdown page, and one screen of the terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from harness.publish.escape import markdown, terminal
from harness.publish.format import with_interval
from harness.publish.pages.markup import table
from harness.statistics.bootstrap import Estimate
from harness.task import Metric
from tasks.sae_families.compare.comparison import Comparison, SourceComparison
from tasks.sae_families.compare.hypotheses import ALIGNED, LISTED, Hypothesis
from tasks.sae_families.compare.separation import SIGNIFICANT, Separation
from tasks.sae_families.compare.tables import median_length, others_with

ON_SCREEN = 6
_NUMBERS = re.compile(r"[-–\d.,e%/\[\] ]*")
FEATURES_ON_PAGE = 10


@dataclass(frozen=True)
class Subject:
    """What was compared, and what a reader has to know beforehand; all plain text."""

    title: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class ClanRow:
    """How one source, or floor, recovers clans; ``beyond`` is None where there is nothing to shuffle."""

    name: str
    by_clan: Metric
    pooled: Metric
    beyond: Metric | None

    @property
    def cells(self) -> list[str]:
        beyond = "–" if self.beyond is None else with_interval(self.beyond)
        return [self.name, with_interval(self.by_clan), with_interval(self.pooled), beyond]


def clan_rows(found: Comparison) -> list[ClanRow]:
    """Sources and floors; none where no clan is known."""
    every = [(source.name, source.clans, source.clans_beyond) for source in found.sources]
    every += [(name, own, None) for name, own in found.floors.items()]
    return [
        ClanRow(name, _metric(own.by_clan), _metric(own.pooled), None if beyond is None else _metric(beyond.by_clan))
        for name, own, beyond in every
        if own is not None
    ]


def page(found: Comparison, subject: Subject, pictures: Sequence[str], tables: Sequence[str]) -> str:
    """Markdown for a file beside the pictures and tables."""
    blocks = [f"# {markdown(subject.title)}", *(markdown(note) for note in (_families(found), *subject.notes))]
    blocks += [*_separation_blocks(found), *_clan_blocks(found), *_hypothesis_blocks(found)]
    blocks += ["## Pictures", *(f"![{name}]({name})" for name in pictures)]
    blocks += ["## Tables", "\n".join(f"- [{name}]({name})" for name in tables)]
    return "\n\n".join(blocks) + "\n"


def print_comparison(found: Comparison, subject: Subject, console: Console) -> None:
    """One screen."""
    console.print(terminal(subject.title, "bold"))
    console.print(terminal(_families(found)))
    for note in subject.notes:
        console.print(terminal(note, "yellow"))
    if found.groups:
        console.print(terminal(_group_line(found)))
        rows = [_separation_cells(source.name, source.separation) for source in found.sources if source.separation]
        console.print(_rich("Features that separate A from B on held-out sequences", _SEPARATION, rows))
    if rows := [row.cells for row in clan_rows(found)]:
        title = f"Are known clans recovered? AUROC over pairs of families, {_clans(found)}; 0.5 is chance"
        console.print(_rich(title, _CLANS, rows))
    else:
        console.print("No clan is known to hold two of the families: nothing says whether relations are found.")
    console.print(
        _rich("Pairs of families that are alike (q < 0.05), and what explains them", _FUNNEL, _funnels(found))
    )
    own = found.own
    if shown := own.hypotheses[:ON_SCREEN]:
        title = f"Hypotheses: neither clan nor alignment explains them ({len(shown)} of {len(own.hypotheses)} listed)"
        console.print(_rich(title, _PAIRS, [_hypothesis_cells(found, own, one) for one in shown]))
    console.print(terminal(_hypothesis_line(found)))


def _clans(found: Comparison) -> str:
    known = found.own.clans
    return f"{len(known.clans) if known else 0} clans"


_FUNNEL = ("source", "alike", "of one clan", "aligned", "unexplained", "beyond composition and length")


def _funnels(found: Comparison) -> list[list[str]]:
    return [[source.name, *(f"{count:,}" for count in vars(source.funnel).values())] for source in found.sources]


def _families(found: Comparison) -> str:
    data = found.data
    return (
        f"{len(data.families)} families, {len(data.records):,} sequences, one for each cluster; "
        f"{int(data.held_out.sum()):,} of them held out"
    )


_SEPARATION = (
    "source",
    "candidates",
    "tested",
    f"q < {SIGNIFICANT}",
    "hold for groups",
    "strongest on select, held out",
    "family p",
)


def _separation_cells(name: str, own: Separation | None) -> list[str]:
    assert own is not None
    smallest = f" (least {own.smallest_family_p:.2g})" if own.smallest_family_p >= SIGNIFICANT else ""
    best = f"{own.test_auroc[0]:.3f} ({own.source.feature_name(int(own.feature[0]))})"
    return [
        *(name, f"{own.source.candidates:,}", str(len(own.feature)), str(int(own.separating.sum()))),
        *(str(int(own.general.sum())), best, f"{own.family_p[0]:.2g}{smallest}"),
    ]


def _group_line(found: Comparison) -> str:
    assert found.groups
    told = []
    for letter, group in zip("AB", found.groups, strict=True):
        names = [found.levels.name(family) for family in group.families]
        listed = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        told.append(f"{letter}: {group.word} ({group.level}), {listed}")
    return "; ".join(told)


_SEPARATION_NOTE = (
    "Features are chosen on one half of the clusters, the 50 strongest, and tested on the other; q is after Benjamini "
    "and Hochberg over those. It says that these families differ. “Hold for groups” and family p ask more: families "
    "are regrouped at random and the largest difference of any candidate is the null, so that a feature of one family "
    "does not pass for one of its group."
)


def _separation_blocks(found: Comparison) -> Iterator[str]:
    if not found.groups:
        return
    yield "## Features that separate the groups"
    yield markdown(_group_line(found))
    yield _SEPARATION_NOTE
    rows = [_separation_cells(source.name, source.separation) for source in found.sources if source.separation]
    yield _markdown(_SEPARATION, rows)
    own = found.own.separation
    assert own is not None
    yield f"Candidates of {markdown(found.own.name)}: {markdown(own.source.told)}. The first {FEATURES_ON_PAGE}:"
    cells = [
        [
            *(own.source.feature_name(int(own.feature[k])), "A" if own.sign[k] > 0 else "B"),
            *(f"{own.select_auroc[k]:.3f}", f"{own.test_auroc[k]:.3f}"),
            *(f"{own.p[k]:.2g}", f"{own.q[k]:.2g}", f"{own.family_p[k]:.2g}"),
        ]
        for k in range(min(FEATURES_ON_PAGE, len(own.feature)))
    ]
    yield _markdown(("feature", "stronger in", "select AUROC", "held-out AUROC", "p", "q", "family p"), cells)


_CLANS = ("similarity by", "mean over clans", "all pairs", "mean, beyond composition")


def _clan_blocks(found: Comparison) -> Iterator[str]:
    yield "## Are known clans recovered?"
    rows = [row.cells for row in clan_rows(found)]
    if not rows:
        yield "No clan is known to hold two of the compared families."
        return
    yield (
        "AUROC of the similarity of two families for pairs of one clan against pairs of two; 95 % intervals resample "
        "clans. Over all pairs the largest clan decides, as n families make n² pairs; the mean over clans counts each "
        "clan once. Clans are those of RNArchitecture unless the dataset has its own. Small nucleolar RNAs and "
        "microRNAs are huge clans there, which length and composition may tell apart: read the floors first."
    )
    yield _markdown(_CLANS, rows)
    gains = _gains(found)
    if gains:
        yield "Gains of the model's autoencoders, paired over the same draws of clans:"
        yield _markdown(("over", "mean over clans", "all pairs"), gains)
    told = [f"{markdown(source.name)}: {markdown(source.relations.told)}" for source in found.sources]
    yield "Features compared. " + "; ".join(told) + "."
    known = [f"{name} {share:.0%}" for name, share in found.kmers.items()]
    yield (
        "The length of the k-mers is the one whose held-out family means are most often nearest to the same family's "
        f"other half: {', '.join(known)}; {markdown(found.own.name)} {found.own.relations.identified:.0%}."
    )


def _gains(found: Comparison) -> list[list[str]]:
    own = found.own.clans
    others = {source.name: source.clans for source in found.sources[1:]} | dict(found.floors)
    return [
        [name, with_interval(_metric(own.by_clan - other.by_clan)), with_interval(_metric(own.pooled - other.pooled))]
        for name, other in others.items()
        if own is not None and other is not None
    ]


_PAIRS = ("families", "similarity", "q", "q beyond", "identity", "lengths", "also listed by")


def _hypothesis_cells(found: Comparison, source: SourceComparison, own: Hypothesis) -> list[str]:
    names = [found.levels.names.get(family, family) for family in (found.data.families[k] for k in own.pair)]
    lengths = [str(median_length(found, family)) for family in own.pair]
    return [
        *(" – ".join(names), f"{own.similarity:.2f}", f"{own.q:.1g}", f"{own.q_beyond:.1g}"),
        *(f"{found.aligned.of[own.pair].identity:.2f}", "/".join(lengths)),
        ", ".join(others_with(found, source, own.pair)) or "none",
    ]


def _hypothesis_line(found: Comparison) -> str:
    own = found.own
    trivial = sum(bool(others_with(found, own, one.pair)) for one in own.hypotheses)
    return (
        f"{trivial} of the {len(own.hypotheses)} pairs listed of {own.name} are listed by another source too; "
        f"{own.funnel.beyond} hold beyond composition and length. At most {LISTED} are listed, {ALIGNED} aligned."
    )


def _hypothesis_blocks(found: Comparison) -> Iterator[str]:
    yield "## Hypotheses"
    aligned = found.aligned
    yield (
        "Pairs of families that are more alike by shared features than chance allows (q < 0.05), that no known clan "
        "holds together, and that no alignment explains. These are hypotheses, not findings. Chance is two random "
        "families with the covariance that the features have over all families. q beyond asks the same of what is "
        "left once the activations of the same sequences with their dinucleotides shuffled are taken off: where it is "
        "high, composition and length may be all that the two share (short RNAs are mostly ends). An alignment "
        "explains a pair where the best identity or the best local alignment of any two of its sequences is over what "
        f"95 % of the pairs reach once one family is shuffled ({aligned.identity_of_chance:.2f} and "
        f"{aligned.local_of_chance:.1f})."
    )
    yield _markdown(_FUNNEL, _funnels(found))
    yield markdown(_hypothesis_line(found))
    for source in found.sources:
        yield f"### By {markdown(source.name)}"
        rows = [
            [_accessions(found, own), *_hypothesis_cells(found, source, own), *_evidence(found, own)]
            for own in source.hypotheses
        ]
        yield _markdown(("accessions", *_PAIRS, "clans", "shared features", "examples"), rows) if rows else "None."
    yield "Behind a shared feature: held-out AUROC of the first and of the second family against all others."


def _accessions(found: Comparison, own: Hypothesis) -> str:
    return " ".join(found.data.families[k] for k in own.pair)


def _evidence(found: Comparison, own: Hypothesis) -> list[str]:
    clans = [found.clans[k] or "unknown" for k in own.pair]
    features = [f"{one.name} ({one.first_auroc:.2f}, {one.second_auroc:.2f})" for one in own.features]
    return [" / ".join(clans), ", ".join(features), ", ".join(found.data.records[row].id for row in own.examples)]


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    # numbers are our own; escaped, they could not be read in the file
    return table(header, [[cell if _NUMBERS.fullmatch(cell) else markdown(cell) for cell in row] for row in rows])


def _rich(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    made = Table(title=title, title_justify="left", header_style="bold", pad_edge=False, box=SIMPLE_HEAD)
    for column in header:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*map(terminal, row))
    return made


def _metric(entry: Estimate) -> Metric:
    """With its interval, unless fewer than three clans stand behind it: two resampled say nothing."""
    drawn = entry.interval()
    finite = entry.n >= 3 and drawn.low == drawn.low
    return Metric(value=entry.value, low=drawn.low if finite else None, high=drawn.high if finite else None, n=entry.n)
