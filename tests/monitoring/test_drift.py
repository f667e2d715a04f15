"""The drift check on callers that differ, and its pages in a real Evidently workspace."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.audio.acoustics import ACOUSTICS
from models.evaluation.sketch import SKETCH_COLUMNS
from models.params.drift import DriftParams
from monitoring import workspace as pages
from monitoring.drift import DriftReport, DriftStatus, check_drift
from monitoring.findings import Kind
from monitoring.limits import StableTraffic
from monitoring.signals import BY_NAME
from tests.monitoring.traffic import THRESHOLD, calls, traffic

# what importing Evidently 0.7.23 with numpy 2.4 warns of, in its own code
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:numpy.core is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:invalid escape sequence:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::litestar.exceptions.LitestarDeprecationWarning"),
]
PARAMS = DriftParams(window=100)
REFERENCE = calls(callers=100, per_caller=4, seed=1)
STABLE = StableTraffic.of(REFERENCE, PARAMS, THRESHOLD, splits=10)


def check(current: pd.DataFrame, workspace: Path | None = None) -> DriftReport:
    """A look at traffic, of version 3."""
    return check_drift(
        current, REFERENCE, PARAMS, model_version=3, workspace=workspace, calibration=STABLE
    )


def values(report: DriftReport) -> dict[str, float]:
    return {finding.signal.name: finding.value for finding in report.findings}


def test_traffic_like_the_reference_is_ok() -> None:
    report = check(traffic(200, seed=2))
    assert (report.status, report.reasons) == (DriftStatus.OK, ())


def test_one_window_over_a_limit_is_watched_and_two_in_a_row_are_drift() -> None:
    quiet, loud = traffic(100, seed=3), [traffic(100, seed=s, level_dbfs=1.5) for s in (4, 5)]

    first, second = check(pd.concat([quiet, loud[0]])), check(pd.concat(loud))

    assert first.status is DriftStatus.WATCH and second.status is DriftStatus.DRIFT
    assert first.reasons[0].startswith("covariate drift: inputs moved: level_dbfs 1.")
    (level,) = (f for f in second.findings if f.signal.name == "level_dbfs")
    assert (level.in_a_row, level.moved) == (2, True)
    assert check(loud[0]).status is DriftStatus.WATCH  # there is no window before it
    assert check(pd.concat([loud[0], quiet])).status is DriftStatus.OK


def test_another_signal_in_each_window_is_not_drift() -> None:
    windows = [traffic(100, seed=6, level_dbfs=1.5), traffic(100, seed=7, f0_hz=1.5)]
    assert check(pd.concat(windows)).status is DriftStatus.WATCH


def test_embeddings_that_moved_are_drift_of_the_covariates() -> None:
    report = check(traffic(200, seed=8, **dict.fromkeys(SKETCH_COLUMNS, 0.7)))
    assert report.status is DriftStatus.DRIFT and report.kinds == (Kind.COVARIATE,)
    assert "embeddings moved" in report.reasons[0] and values(report)["domain_auc"] > 0.6


def test_more_spoofs_of_the_known_kinds_are_label_drift() -> None:
    report = check(traffic(200, seed=9, spoofs=0.98))
    assert report.status is DriftStatus.DRIFT and report.kinds == (Kind.LABEL,)
    assert report.reasons[0].startswith("label drift: the estimated share of spoofs moved")


def test_reviewed_errors_at_stable_inputs_are_concept_drift() -> None:
    current = traffic(200, seed=10)
    accepted = current.index[current["cm_score"] > THRESHOLD][::2]
    current.loc[accepted, "label"] = "spoof"

    report = check(current)

    assert report.kinds == (Kind.CONCEPT,)
    assert report.reasons[0].startswith("concept drift: reviewed labels contradict verdicts at")
    (errors,) = (f for f in report.findings if f.signal.name == "known_false_alarms")
    reviewed = current["label"].tail(PARAMS.window).notna()
    assert errors.n == reviewed.sum()
    assert errors.value == pytest.approx(reviewed.mean())  # of all requests: a lower bound


def test_fewer_rows_than_the_window_are_insufficient_however_far_they_moved() -> None:
    report = check(traffic(99, seed=11, cm_score=9.0))
    assert (report.status, report.rows) == (DriftStatus.INSUFFICIENT, 99)
    assert (report.findings, report.reasons) == ((), ())


def test_nothing_comparable_is_insufficient() -> None:
    empty = traffic(100, seed=12)[["request_id"]]
    assert check(empty).status is DriftStatus.INSUFFICIENT


@pytest.mark.parametrize("absurd", [-17_441.0, 1e30, -1e300, np.inf])
def test_one_absurd_request_is_not_drift(absurd: float) -> None:
    quiet = traffic(200, seed=13)
    spoiled = quiet.copy()
    numbers = ["cm_score", *ACOUSTICS, *SKETCH_COLUMNS]
    spoiled.loc[[60, 160], numbers] = absurd

    assert check(quiet).status is DriftStatus.OK
    assert check(spoiled).status is DriftStatus.OK


def test_what_old_rows_and_references_lack_is_left_out() -> None:
    current = traffic(200, seed=14)
    current[["f0_hz", *SKETCH_COLUMNS]] = np.nan
    old = REFERENCE.drop(columns=["snr_db", "label", "speaker_id", "source"])

    report = check_drift(current, old, PARAMS, model_version=3)

    names = set(values(report))
    assert names >= {"level_dbfs", "cm_score", "speechless_rate"}
    assert not names & {"f0_hz", "snr_db", "mmd", "direction_1", "spoof_share", "known_misses"}
    assert report.false_alarms is not None and "row by row" in report.false_alarms["note"]


def test_constant_columns_do_not_move() -> None:
    constant = REFERENCE.assign(clipping=0.0, e03=0.0)
    current = traffic(200, seed=15).assign(clipping=0.0, e03=0.0)
    report = check_drift(current, constant, PARAMS, model_version=3)
    assert report.status is DriftStatus.OK and values(report)["clipping"] == 0.0


def test_the_exemplars_are_the_requests_that_moved_the_window() -> None:
    current = traffic(200, seed=16)
    strange = current["request_id"].tolist()[120:150]
    current.loc[120:149, list(SKETCH_COLUMNS)] += 3.0

    exemplars = check(current).exemplars

    assert len(exemplars) == 20
    assert sum(e["request_id"] in strange for e in exemplars) >= 18
    shares = [e["share"] for e in exemplars]
    assert shares == sorted(shares, reverse=True) and shares[0] > 0.9


def test_the_document_holds_every_signal_and_both_false_alarm_rates() -> None:
    report = check(traffic(200, seed=17))
    document = json.loads(json.dumps(report.to_json()))

    fields = {"name", "group", "unit", "value", "threshold", "n", "moved", "in_a_row"}
    assert all(set(signal) == fields for signal in document["signals"])
    known = {"known_misses", "known_false_alarms"}  # nobody has reviewed a request
    assert {signal["name"] for signal in document["signals"]} == set(BY_NAME) - known
    assert document["false_alarms"]["nominal"] == PARAMS.false_alarm_rate
    assert 0.0 <= document["false_alarms"]["realised"] <= 1.0


@dataclass(frozen=True)
class Saved:
    """Three looks at one workspace that keeps two pages."""

    folder: Path
    reports: tuple[DriftReport, ...]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    folder = tmp_path_factory.mktemp("evidently") / "workspace"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "KEPT", 2)
        looks = (traffic(200, seed=s, level_dbfs=shift) for s, shift in ((18, 0), (19, 0), (20, 2)))
        return Saved(folder, tuple(check(look, folder) for look in looks))


def test_the_workspace_keeps_the_newest_pages_of_one_project(saved: Saved) -> None:
    from evidently.ui.workspace import Workspace

    workspace = Workspace(str(saved.folder))
    (project,) = workspace.list_projects()

    assert project.name == "antiphon"
    assert project.description.startswith("Traffic of version 3 against its reference: drift.")
    kept = {str(page) for page in workspace.list_runs(project.id)}
    assert kept == {report.snapshot for report in saved.reports[1:]}


def test_every_line_of_the_dashboard_is_on_the_pages_with_its_limit(saved: Saved) -> None:
    from evidently.core.report import Snapshot
    from evidently.ui.workspace import Workspace

    workspace = Workspace(str(saved.folder))
    (project,) = workspace.list_projects()
    model = project.dashboard.model()
    shown = {value.metric_labels["column"] for panel in model.panels for value in panel.values}
    page = workspace.get_run(project.id, saved.reports[-1].snapshot)
    measured = {
        metric["config"]["column"]: metric["value"]
        for metric in Snapshot.load_dict(page.dict()).dict()["metrics"]
    }

    unreviewed = {f"{name}{end}" for name in ("known_misses", "known_false_alarms")
                  for end in ("", " limit")}  # fmt: skip
    assert shown - unreviewed == set(measured)
    for finding in saved.reports[-1].findings:
        assert measured[finding.signal.name] == pytest.approx(finding.value)
        assert measured[f"{finding.signal.name} limit"] == pytest.approx(finding.threshold)
    assert measured["input"] > 1.0 == measured["limit"]


def test_the_page_of_drift_names_the_version_and_has_failed_tests(saved: Saved) -> None:
    from evidently.core.report import Snapshot
    from evidently.ui.workspace import Workspace

    workspace = Workspace(str(saved.folder))
    (project,) = workspace.list_projects()
    model = workspace.get_run(project.id, saved.reports[-1].snapshot)

    assert model.name == "version 3: drift" and "version 3" in model.tags
    tests = Snapshot.load_dict(model.dict()).dict()["tests"]
    failed = [test for test in tests if test["status"] == "FAIL"]
    assert len(failed) == len([f for f in saved.reports[-1].findings if f.moved])
