"""The report of a factorial plan as tables, for a terminal and for OUT/report.md."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.evaluation.factorial import FactorialReport
from models.evaluation.factorial.figures import BY_ATTACK, BY_SOURCE, POOLED
from models.evaluation.factorial.report import RateEstimate
from models.files.whole_files import write_json, write_text

FIGURES = (BY_ATTACK, BY_SOURCE, POOLED)


@dataclass(frozen=True)
class Sheet:
    """A titled table."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    texts: int = 1  # columns that are no figures


def write_report(out: Path, report: FactorialReport) -> None:
    """OUT/report.json and OUT/report.md."""
    write_json(out / "report.json", report.to_json())
    write_text(out / "report.md", "\n".join(markdown(report)) + "\n")


def markdown(report: FactorialReport) -> Iterator[str]:
    """Every table."""
    for sheet in (*sheets_of(report), *wide_sheets_of(report), *details_of(report)):
        yield f"**{sheet.title}**\n"
        yield "| " + " | ".join(sheet.headings) + " |"
        yield "|---" * len(sheet.headings) + "|"
        for row in sheet.rows:
            yield "| " + " | ".join(row) + " |"
        yield ""
    yield from notes_of(report)


def sheets_of(report: FactorialReport) -> Iterator[Sheet]:
    """The trials of each cell, the EERs of each recipe, and the differences to the first one."""
    yield _sizes(report)
    rates, differences = [], []
    for cell in report.sizes:
        for name, cells in report.recipes.items():
            figures = cells[cell].figures
            seeds = _points(figures[BY_ATTACK].over_seeds)
            rates.append([cell, name, *(_rate(figures[figure]) for figure in FIGURES), seeds])
        for name, others in report.differences.items():
            figures = others[cell].figures
            differences.append([cell, name, *(_difference(figures[figure]) for figure in FIGURES)])
    yield Sheet("EER %", ("cell", "recipe", *FIGURES, "± seeds"), _once(rates), texts=2)
    if differences:
        first = next(iter(report.recipes))
        headings = ("cell", "recipe", *FIGURES)
        yield Sheet(f"points more or less than {first}", headings, _once(differences), texts=2)


def wide_sheets_of(report: FactorialReport) -> Iterator[Sheet]:
    """A line for each recipe and a column for each cell: too wide for a terminal."""
    headings = ("recipe", *report.sizes)
    for figure in FIGURES:
        rates = [
            [name, *(_rate(cells[cell].figures[figure]) for cell in report.sizes)]
            for name, cells in report.recipes.items()
        ]
        yield Sheet(f"EER %, {figure}", headings, rates)
        differences = [
            [name, *(_difference(cells[cell].figures[figure]) for cell in report.sizes)]
            for name, cells in report.differences.items()
        ]
        if differences:
            first = next(iter(report.recipes))
            yield Sheet(f"points more or less than {first}, {figure}", headings, differences)


def details_of(report: FactorialReport) -> Iterator[Sheet]:
    """The EER of each attack and of each source, in each cell."""
    for column, what in (("by_attack", "attack"), ("by_source", "source")):
        for cell in report.sizes:
            reports = {name: getattr(cells[cell], column) for name, cells in report.recipes.items()}
            names = list(next(iter(reports.values())))
            rows = [
                [one, *(f"{100 * rates[one]:.1f}" for rates in reports.values())] for one in names
            ]
            yield Sheet(f"{cell}: EER % of each {what}", (what, *reports), rows)


def notes_of(report: FactorialReport) -> Iterator[str]:
    """What the figures are."""
    spent = [f"{name} {s / 60:.1f}" for name, s in report.seconds.items() if s is not None]
    yield (
        "heard: in the training data. In brackets: 95 % interval, with sources, speakers, attacks, "
        f"voices and seeds ({report.seeds}) drawn again. ± seeds: half of Student's t 95 % "
        "interval of the seeds' means over attacks."
    )
    yield (
        "pooled: mean of the folds' EERs over all trials of the cell. An attack's EER is against "
        "bona fide trials of the sources that it is in. *: the interval leaves out zero."
    )
    if spent:
        yield "processor minutes of a training: " + ", ".join(spent)


def _sizes(report: FactorialReport) -> Sheet:
    rows = []
    for number, fold in enumerate(report.design.folds):
        rows.append([fold.name, "train", _pair(fold.train), "", "", ""])
        rows.append(["", "dev", _pair(fold.dev), "", "", ""])
        for cell, size in report.sizes.items():
            rows.append(
                [
                    "",
                    cell,
                    _pair(size.trials[number]),
                    _pair(size.familiar[number]),
                    str(size.sources[number]),
                    str(size.attacks[number]),
                ]
            )
    headings = ("held out", "part", "trials", "speaker in train", "sources", "attacks")
    return Sheet("bona fide trials + spoofs", headings, rows, texts=2)


def _once(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """The rows, with what the first column repeats left out."""
    firsts = [""] + [row[0] for row in rows[:-1]]
    return [
        ["" if row[0] == first else row[0], *row[1:]]
        for row, first in zip(rows, firsts, strict=True)
    ]


def _pair(counts: Sequence[int]) -> str:
    return f"{counts[0]} + {counts[1]}"


def _rate(rate: RateEstimate) -> str:
    if rate.low is None or rate.high is None:
        return f"{100 * rate.value:.1f}"
    return f"{100 * rate.value:.1f} [{100 * rate.low:.1f}, {100 * rate.high:.1f}]"


def _difference(rate: RateEstimate) -> str:
    if rate.low is None or rate.high is None:
        return f"{100 * rate.value:+.1f}"
    beyond = "*" if rate.low > 0 or rate.high < 0 else ""
    return f"{100 * rate.value:+.1f} [{100 * rate.low:+.1f}, {100 * rate.high:+.1f}]{beyond}"


def _points(margin: float | None) -> str:
    return "–" if margin is None else f"{100 * margin:.1f}"
