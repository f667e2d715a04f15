"""`antiphon cross-validate`: evaluate a recipe on speakers, attacks and sources left out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.table import Table

from flows.commands.scores import params_here
from flows.commands.shared_options import (
    AsJson,
    CorpusRoot,
    ParamsFile,
    ProtocolName,
    ResumableOut,
    StartingWeights,
)
from flows.commands.tables import figures_table
from flows.screen import Screen, print_json, say
from models.errors import InputError

if TYPE_CHECKING:
    from models.data.folds import Plan
    from models.evaluation.factorial import FactorialReport
    from models.evaluation.fold_report import Estimate, FoldReport
    from models.params.tree import Params

PIPED = 120  # letters of a line that is not written to a terminal


class PlanName(StrEnum):
    """What each fold leaves out."""

    K_FOLD = "k-fold"
    ATTACKS = "attacks"
    SOURCES = "sources"
    LANGUAGES = "languages"
    FACTORIAL = "factorial"


Groups = Annotated[
    str | None,
    typer.Option(
        help='Groups to leave out together: "a+b,c+d". Default: one at a time; factorial: dealt.'
    ),
]
SourceGroups = Annotated[
    str | None,
    typer.Option(help="For factorial: groups of sources, as many as of attacks. Default: dealt."),
]
Recipes = Annotated[
    Path | None,
    typer.Option(help="For factorial: YAML file, name -> part of params.yaml. First: reference."),
]


def cross_validate(
    protocol: ProtocolName,
    root: CorpusRoot,
    plan: Annotated[PlanName, typer.Option(help="What each fold leaves out.")] = PlanName.K_FOLD,
    folds: Annotated[
        int | None, typer.Option(help="Number of parts. Default: k-fold 5, factorial 4.")
    ] = None,
    unseen_attacks: Annotated[
        bool,
        typer.Option("--unseen-attacks", help="For k-fold: also leave out a part of the attacks."),
    ] = False,
    groups: Groups = None,
    source_groups: SourceGroups = None,
    recipes: Recipes = None,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each fold.")] = 3,
    params: ParamsFile = None,
    weights: StartingWeights = None,
    out: ResumableOut = None,
    as_json: AsJson = False,
) -> None:
    """Train with params.yaml and evaluate the part left out, fold by fold; can be resumed."""
    options = _Options(
        protocol, root, out or _default_out(protocol, plan), plan, folds, unseen_attacks,
        parse_groups(groups) if groups else None,
        parse_groups(source_groups) if source_groups else None,
        recipes, seeds, weights,
    )  # fmt: skip
    run = _run_factorial if plan is PlanName.FACTORIAL else _run_plan
    run(options, params_here(params), as_json)


@dataclass(frozen=True)
class _Options:
    """What `cross-validate` was called with."""

    protocol: str
    root: Path
    out: Path
    plan: PlanName
    folds: int | None
    unseen_attacks: bool
    groups: Sequence[Sequence[str]] | None
    source_groups: Sequence[Sequence[str]] | None
    recipes: Path | None
    seeds: int
    weights: Path | None


def _run_factorial(options: _Options, params: Params, as_json: bool) -> None:
    from flows.lab.factorial.run import FactorialRequest, cross_validate_cells
    from flows.lab.recipes import read_recipes
    from models.data.folds.factorial import FOLDS

    if options.unseen_attacks:
        raise InputError("--unseen-attacks: --plan k-fold expected, found factorial")
    request = FactorialRequest(
        protocol=options.protocol,
        root=options.root,
        out=options.out,
        folds=FOLDS if options.folds is None else options.folds,
        groups=options.groups,
        source_groups=options.source_groups,
        seeds=options.seeds,
        weights=options.weights,
    )
    by_name = read_recipes(options.recipes) if options.recipes else {}
    print_factorial(cross_validate_cells(request, params, by_name, say), as_json)


def _run_plan(options: _Options, params: Params, as_json: bool) -> None:
    from flows.lab.cross_validation import FOLDS, CrossValidation, cross_validate, document_of

    for option, value in (
        ("--source-groups", options.source_groups),
        ("--recipes", options.recipes),
    ):
        if value is not None:
            raise InputError(f"{option}: --plan factorial expected, found {options.plan}")
    validation = CrossValidation(
        protocol=options.protocol,
        root=options.root,
        out=options.out,
        plan=cast("Plan", options.plan.value),  # factorial has gone its own way
        folds=FOLDS if options.folds is None else options.folds,
        groups=options.groups,
        unseen_attacks=options.unseen_attacks,
        seeds=options.seeds,
        weights=options.weights,
    )
    report = cross_validate(validation, params, say)
    if as_json:
        print_json(document_of(validation, report))
    else:
        print_fold_report(report)


def compare_folds(
    folders: Annotated[
        list[Path], typer.Argument(help="Folders of cross-validate --plan factorial.")
    ],
    as_json: AsJson = False,
) -> None:
    """Compare the finished recipes of one or more folders, on the same folds and seeds."""
    from flows.lab.factorial.folder import report_of

    print_factorial(report_of(folders), as_json)


def print_factorial(report: FactorialReport, as_json: bool) -> None:
    """The tables of OUT/report.md but those of single attacks and sources, or JSON."""
    from flows.lab.factorial.table import notes_of, sheets_of

    if as_json:
        print_json(report.to_json())
        return
    console = Screen(width=None if sys.stdout.isatty() else PIPED)
    for sheet in sheets_of(report):
        texts, figures = sheet.headings[: sheet.texts], sheet.headings[sheet.texts :]
        table = figures_table(*texts, figures=tuple(figures))
        for row in sheet.rows:
            table.add_row(*row)
        console.print(sheet.title)
        console.print(table)
    for note in notes_of(report):
        console.print(note, soft_wrap=True)


def parse_groups(text: str) -> tuple[tuple[str, ...], ...]:
    """`a+b,c` as (("a", "b"), ("c",)); blanks around names are ignored."""
    return tuple(
        tuple(name.strip() for name in group.split("+")) for group in text.split(",") if group
    )


def print_fold_report(report: FoldReport) -> None:
    """A table of folds, one of attacks, and the mean with both intervals."""
    judged = {run["fold"]: run["trials"] for run in report.runs}
    folds = _table("held out", "bona fide", "spoofs")
    for name, estimate in report.by_fold.items():
        trials = judged[name]
        folds.add_row(name, *_cells(estimate), f"{trials['bonafide']:,}", f"{trials['spoof']:,}")
    attacks = _table("attack", "folds")
    for name, estimate in report.by_attack.items():
        attacks.add_row(name, *_cells(estimate), str(estimate.folds))
    console = Screen()
    console.print(folds)
    console.print(attacks)
    for line in (
        f"mean of {report.eer.folds} folds: EER {_told(report.eer)}",
        f"with one threshold: EER {_told(report.pooled)}",
        "±: half of Student's t 95 % interval, over folds (speakers, attacks or sources) "
        "and over seeds (chance in training)",
    ):
        console.print(line, soft_wrap=True)


def _default_out(protocol: str, plan: PlanName) -> Path:
    from infra.settings import settings

    return settings().state_dir / "cross-validation" / f"{protocol}-{plan}"


def _table(first: str, *last: str) -> Table:
    return figures_table(first, figures=("EER %", "± folds", "± seeds", *last))


def _cells(estimate: Estimate) -> tuple[str, str, str]:
    return (
        f"{100 * estimate.mean:.2f}",
        _margin(estimate.over_folds),
        _margin(estimate.over_seeds),
    )


def _margin(margin: float | None) -> str:
    return "–" if margin is None else f"{100 * margin:.2f}"


def _told(estimate: Estimate) -> str:
    mean, folds, seeds = _cells(estimate)
    margins = [f"± {folds} over folds"] if estimate.over_folds is not None else []
    margins += [f"± {seeds} over {estimate.seeds} seeds"] if estimate.over_seeds is not None else []
    return f"{mean} %" + (f" ({', '.join(margins)})" if margins else "")
