"""Models: the list of versions, and some of them side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.responses import Response

from infra.errors import AbsentError, UnreachableError
from infra.model_versions import ModelVersion
from infra.registered import last_versions
from models.errors import InputError
from monitoring.console.errors import Refusal
from monitoring.console.keeping import kept
from monitoring.console.loop_facts import Aliases, aliases
from monitoring.console.page import Page, View
from monitoring.console.versions.facts import MEASURES, VersionFacts, facts_of
from monitoring.console.visit import Visit

PATH = "/models"
MOST = 5  # side by side: curves have as many colours
LIST_S = 5.0


def show(visit: Visit) -> Response:
    """The list, with a place for what is compared."""
    versions, known = _versions(visit), aliases(visit)
    chosen = _chosen(visit, versions, known)
    return visit.page("models", versions=versions, aliases=known, chosen=chosen, most=MOST)


def compare(visit: Visit) -> Response:
    """The chosen versions side by side; reading their evidence may take a moment."""
    versions, known = _versions(visit), aliases(visit)
    chosen = _chosen(visit, versions, known)
    facts: list[VersionFacts] = []
    troubles: list[str] = []
    for version in (version for version in versions if version.version in chosen):
        try:
            facts.append(facts_of(visit, version))
        except (AbsentError, InputError, UnreachableError) as error:
            troubles.append(f"Version {version.version}: {error}")
    champion = known.champion.version if known.champion else None
    return visit.page(
        "models_compare",
        facts=facts,
        troubles=troubles,
        champion=champion,
        measures=MEASURES,
        attacks=_rows([fact.attacks for fact in facts]),
        slices=_rows([fact.slices for fact in facts]),
        drawn=[{"version": fact.version, "points": fact.det} for fact in facts if fact.det],
        same_trials=len({fact.trials.get("frozen") for fact in facts}) <= 1,
        forgetting=[fact for fact in facts if fact.report.get("forgetting")],
    )


def _rows(columns: Sequence[Any]) -> list[tuple[str, list[Any]]]:
    """A table (name, one cell a version) of what each version has by name."""
    names = sorted({name for column in columns for name in column})
    return [(name, [column.get(name) for column in columns]) for name in names]


def _versions(visit: Visit) -> list[ModelVersion]:
    return kept(visit.desk, "versions", LIST_S, last_versions)


def _chosen(visit: Visit, versions: Sequence[ModelVersion], known: Aliases) -> list[int]:
    """What the address names, else champion, challenger and the newest ones."""
    named = visit.request.query_params.getlist("version")
    if named:
        if len(named) > MOST or not all(n.isdecimal() and len(n) < 10 for n in named):
            raise Refusal(400, f"version: at most {MOST} numbers expected")
        return [int(number) for number in named]
    first = [v.version for v in (known.champion, known.challenger) if v is not None]
    return list(dict.fromkeys([*first, *(version.version for version in versions)]))[:3]


MODELS = Page("Models", views=(View(PATH, show), View("/models/compare", compare)))
