"""What MLflow's page says of a candidate's run, and of the version that becomes of it."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from flows.evidence.keeping import ARTIFACT
from infra.descriptions import describe, link_to
from models.promotion import Verdict

if TYPE_CHECKING:
    from flows.evidence.case import Case


def describe_candidate(case: Case, verdict: Verdict, evidence: Path | None) -> None:
    """Write the verdict, the EERs, the dataset and a link to the evidence to the run."""
    if evidence is None:
        link = "The evidence could not be kept."
    else:
        place = link_to(case.run_id, f"{ARTIFACT}/{evidence.name}/index.html")
        link = f"[The evidence]({place}) has the reasons."
    describe(case.run_id, description(case, verdict, link))


def description(case: Case, verdict: Verdict, link: str) -> str:
    """Markdown for a person who has never heard of the run."""
    rows = [("candidate", _percent(verdict.eer_candidate))]
    if verdict.superiority is not None:
        shown = verdict.superiority
        low, high = shown.interval
        champion = f"champion, version {case.champion.version}" if case.champion else "champion"
        interval = f"{100 * low:+.2f} to {100 * high:+.2f}, {100 * shown.confidence:g} % interval"
        rows += [
            (champion, _percent(shown.eer_champion)),
            ("difference", f"{100 * shown.difference:+.2f} points ({interval})"),
        ]
    where = f" on {verdict.superiority.evaluation_set}" if verdict.superiority else ""
    reason = " ".join(escape(verdict.reason, quote=False).split())
    table = "\n".join(f"| {name} | {figure} |" for name, figure in rows)
    return (
        f"**{verdict.decision.value}**: {reason}\n\n"
        f"| | EER{where} |\n|---|---|\n{table}\n\n"
        f"Dataset `{case.dataset}`. {link}"
    )


def _percent(rate: float | None) -> str:
    return "–" if rate is None else f"{100 * rate:.2f} %"
