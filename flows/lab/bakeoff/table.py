"""A bake-off for readers: tables as Markdown, the document, the picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.lab.bakeoff.latency import UTTERANCE
from flows.lab.bakeoff.result import BakeOff, Row
from models.evaluation.det_picture import draw_det
from models.evaluation.shortcuts import Shortcut
from models.files.whole_files import write_json, write_text

ABSENT = "–"
SAMPLE_RATE = 16_000  # Hz


@dataclass(frozen=True)
class Grid:
    """A table: the first column holds names, the others figures."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


def write_bakeoff(result: BakeOff, out: Path) -> None:
    """OUT/bakeoff.json, bakeoff.md, and det.png where anything was judged."""
    write_json(out / "bakeoff.json", result.to_json())
    scores = {row.name: row.scores for row in result.rows if row.scores is not None}
    picture = out / "det.png"
    picture.unlink(missing_ok=True)
    if scores:
        draw_det(scores, picture, f"{result.protocol}: eval partition")
    write_text(out / "bakeoff.md", to_markdown(result))


def to_markdown(result: BakeOff) -> str:
    """Every grid, and below them what they are grids of."""
    grids = [grid for grid in grids_of(result) if grid.rows]
    parts = ["\n".join(_markdown_lines(grid)) for grid in grids]
    return "\n\n".join([*parts, "\n".join(f"- {note}" for note in notes_of(result))]) + "\n"


def grids_of(result: BakeOff) -> tuple[Grid, ...]:
    """The detectors; EER by attack; by attack where it was left out; of one column alone."""
    met = {row.name: row.report.by_attack for row in result.rows if row.report}
    unmet = {row.name: row.unmet.by_attack for row in result.rows if row.unmet}
    return (
        _headline(result),
        _by_attack(
            "attack, EER %",
            {
                name: {attack: figures.measures["eer"] for attack, figures in by_attack.items()}
                for name, by_attack in met.items()
            },
        ),
        _by_attack(
            "attack left out, EER %",
            {
                name: {attack: estimate.mean for attack, estimate in by_attack.items()}
                for name, by_attack in unmet.items()
            },
        ),
        _shortcuts(result.shortcuts),
    )


def notes_of(result: BakeOff) -> Iterable[str]:
    """What a reader of the figures has to know."""
    of = "the processor, summed over cores" if result.clock == "processor" else "the clock"
    yield (f"{result.protocol}; budget of each training: {result.budget_s / 60:g} minutes of {of}")
    seconds = UTTERANCE / SAMPLE_RATE
    yield f"MACs and latency: of {seconds:.2f} s of speech; latency: one core, {result.processor}"
    if result.folds:
        yield f"unmet: mean of the trainings without {', '.join(result.folds)}"
    else:
        yield "unmet: attacks were not left out, as asked for"
    yield "one column alone: the EER of the label from it, in the whole corpus; 50 is chance"
    for row in result.rows:
        if row.failure:
            yield f"{row.name} failed: {row.failure}"


def _headline(result: BakeOff) -> Grid:
    headings = ("detector", "parameters", "MACs", "EER %", "unmet %", "ms", "MB",
                "steps")  # fmt: skip
    return Grid(headings, [_cells(row, result.latency_ms.get(row.name)) for row in result.rows])


def _cells(row: Row, latency_ms: float | None) -> list[str]:
    size = row.size
    eer = row.report.pooled.measures["eer"] if row.report else None
    return [
        row.name,
        f"{size.parameters:,}" if size else ABSENT,
        _counted(size.macs) if size else ABSENT,
        _percent(eer),
        _percent(row.unmet.eer.mean if row.unmet else None),
        ABSENT if latency_ms is None else f"{latency_ms:.1f}",
        f"{size.graph_bytes / 1e6:.2f}" if size else ABSENT,
        _learnt(row),
    ]


def _learnt(row: Row) -> str:
    if row.failure or not row.training:
        return "failed"
    return f"{row.training.steps:,}" if row.training.steps else "fitted"


def _by_attack(heading: str, rates: dict[str, dict[str, float | None]]) -> Grid:
    attacks = sorted({attack for by_attack in rates.values() for attack in by_attack})
    rows = [
        [attack, *(_percent(by_attack.get(attack)) for by_attack in rates.values())]
        for attack in attacks
    ]
    return Grid([heading, *rates], rows)


def _shortcuts(columns: Sequence[Shortcut]) -> Grid:
    rows = [
        [c.column, f"{c.trials:,}", _percent(c.eer), f"{_percent(c.low)} to {_percent(c.high)}"]
        for c in columns
    ]
    return Grid(("one column alone", "trials", "EER %", "95 % interval"), rows)


def _percent(rate: float | None) -> str:
    return ABSENT if rate is None else f"{100 * rate:.2f}"


def _counted(number: int) -> str:
    for scale, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= scale:
            return f"{number / scale:.3g} {letter}"
    return str(number)


def _markdown_lines(grid: Grid) -> Iterable[str]:
    yield _line(grid.headings)
    yield _line(["---", *["---:"] * (len(grid.headings) - 1)])
    for row in grid.rows:
        yield _line(row)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
