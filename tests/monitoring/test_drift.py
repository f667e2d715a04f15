"""Drift, measured by the real Evidently and kept in a real workspace."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.audio.acoustics import ACOUSTICS
from models.evaluation.reference import REFERENCE_COLUMNS
from models.evaluation.sketch import SKETCH_COLUMNS
from models.params.drift import DriftParams
from monitoring.drift import DriftReport, DriftStatus, check_drift

# what importing Evidently 0.7.23 with numpy 2.4 warns of, in its own code
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:numpy.core is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:invalid escape sequence:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::litestar.exceptions.LitestarDeprecationWarning"),
]
PARAMS = DriftParams(window=150)


def traffic(rows: int, seed: int, **shift: float) -> pd.DataFrame:
    """Rows around zero, some columns moved by so many standard deviations."""
    values = np.random.RandomState(seed).standard_normal((rows, len(REFERENCE_COLUMNS)))
    frame = pd.DataFrame(values, columns=list(REFERENCE_COLUMNS))
    for name, amount in shift.items():
        frame[name] += amount
    return frame


REFERENCE = traffic(600, seed=1)


def check(current: pd.DataFrame, reference: pd.DataFrame = REFERENCE) -> DriftReport:
    """A look without a page."""
    return check_drift(current, reference, PARAMS, model_version=3)


@dataclass(frozen=True)
class Saved:
    """Two looks at one workspace."""

    folder: Path
    quiet: DriftReport
    loud: DriftReport


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    """A window like the reference, then one whose scores moved, each with its page."""
    folder = tmp_path_factory.mktemp("evidently") / "workspace"
    quiet, loud = (
        check_drift(window, REFERENCE, PARAMS, model_version=3, workspace=folder)
        for window in (traffic(150, seed=2), traffic(150, seed=3, cm_score=1.0))
    )
    return Saved(folder, quiet, loud)


def test_traffic_like_the_reference_is_ok(saved: Saved) -> None:
    assert saved.quiet.status is DriftStatus.OK
    assert saved.quiet.reasons == ()
    assert max(distance.value for distance in saved.quiet.distances) < 0.3


def test_scores_that_moved_are_drift_with_a_distance_in_standard_deviations(saved: Saved) -> None:
    assert saved.loud.status is DriftStatus.DRIFT
    (reason,) = saved.loud.reasons
    assert reason.startswith("cm_score is ") and reason.endswith("0.5 is the limit")
    assert saved.loud.to_json()["columns"]["cm_score"]["distance"] == pytest.approx(1.0, abs=0.25)


def test_one_acoustic_feature_alone_is_not_drift_but_a_share_of_them_is() -> None:
    names = list(ACOUSTICS)
    few = check(traffic(150, seed=4, **dict.fromkeys(names[:2], 2.0)))
    many = check(traffic(150, seed=4, **dict.fromkeys(names[:6], 2.0)))

    assert few.status is DriftStatus.OK and few.moved_share == pytest.approx(2 / len(names))
    assert many.status is DriftStatus.DRIFT
    assert "of the acoustic features moved" in many.reasons[0] and names[5] in many.reasons[0]


def test_embeddings_that_moved_are_drift() -> None:
    report = check(traffic(150, seed=5, **dict.fromkeys(SKETCH_COLUMNS, 1.0)))

    assert report.status is DriftStatus.DRIFT
    assert report.reasons[0].startswith("embedding_distance is ")
    distance = report.to_json()["columns"]["embedding_distance"]["distance"]
    assert distance == pytest.approx(1.0, abs=0.15)


def test_fewer_rows_than_the_window_are_insufficient_however_far_they_moved() -> None:
    report = check(traffic(149, seed=6, cm_score=9.0))

    assert report.status is DriftStatus.INSUFFICIENT
    assert (report.rows, report.distances, report.reasons) == (149, (), ())


def test_only_the_last_window_counts() -> None:
    before, now = traffic(300, seed=7, cm_score=5.0), traffic(150, seed=8)

    assert check(pd.concat([before, now])).status is DriftStatus.OK


def test_columns_that_are_empty_or_missing_are_left_out() -> None:
    current, reference = traffic(150, seed=9), REFERENCE.drop(columns=["snr_db"])
    current["f0_hz"] = np.nan
    current.loc[:20, "level_dbfs"] = np.inf

    report = check(current, reference)

    assert report.status is DriftStatus.OK
    watched = {distance.signal.name for distance in report.distances}
    assert "f0_hz" not in watched and "snr_db" not in watched and "level_dbfs" in watched


def test_without_sketches_the_rest_is_still_watched() -> None:
    current = traffic(150, seed=9)
    current[list(SKETCH_COLUMNS)] = np.nan

    names = [distance.signal.name for distance in check(current).distances]

    assert "embedding_distance" not in names and "cm_score" in names


def test_constant_columns_do_not_raise_and_do_not_move() -> None:
    current, reference = traffic(150, seed=10), REFERENCE.copy()
    for frame in (current, reference):
        frame[["clipping", "e03", "dc_offset"]] = 0.0

    report = check(current, reference)

    assert report.status is DriftStatus.OK
    assert report.to_json()["columns"]["clipping"]["distance"] == 0.0


@pytest.mark.parametrize("reference", [0.0, 1e5, None], ids=["apart", "the same", "spread"])
def test_columns_that_are_constant_but_for_rounding_do_not_raise(reference: float | None) -> None:
    rounded = np.resize([1e5, np.nextafter(1e5, np.inf)], PARAMS.window)
    current = pd.DataFrame({"cm_score": rounded})
    expected = pd.DataFrame({"cm_score": np.random.default_rng(3).normal(1e5, 1, PARAMS.window)})
    if reference is not None:
        expected["cm_score"] = np.resize([reference, np.nextafter(reference, 1e6)], PARAMS.window)

    report = check_drift(current, expected, PARAMS, model_version=3)

    (distance,) = report.distances
    assert (report.status is DriftStatus.OK) is (reference == 1e5)
    assert (distance.value < 1e-6) is (reference == 1e5)


def test_nothing_comparable_is_insufficient() -> None:
    empty = traffic(150, seed=11) * np.nan

    assert check(empty).status is DriftStatus.INSUFFICIENT


def test_the_report_is_plain_json_with_every_distance_and_threshold(saved: Saved) -> None:
    document = json.loads(json.dumps(saved.loud.to_json()))

    assert document["status"] == "drift" and document["model_version"] == 3
    assert set(document["columns"]) == {"cm_score", "embedding_distance", *ACOUSTICS}
    assert all({"distance", "threshold", "moved"} <= set(c) for c in document["columns"].values())


def test_thresholds_come_from_the_parameters() -> None:
    strict = replace(PARAMS, score_distance=0.01)

    report = check_drift(traffic(150, seed=2), REFERENCE, strict, model_version=3)

    assert report.status is DriftStatus.DRIFT


def test_the_workspace_opens_and_holds_both_pages_in_one_project(saved: Saved) -> None:
    from evidently.ui.workspace import Workspace

    workspace = Workspace(str(saved.folder))
    (project,) = workspace.list_projects()
    pages = {str(page) for page in workspace.list_runs(project.id)}

    assert project.name == "antiphon"
    assert pages == {saved.quiet.snapshot, saved.loud.snapshot}


def test_the_dashboard_draws_the_distances_that_were_measured(saved: Saved) -> None:
    from evidently.ui.workspace import Workspace

    workspace = Workspace(str(saved.folder))
    (project,) = workspace.list_projects()
    shown = {
        (value.metric.rpartition(":")[2], value.metric_labels["column"])
        for panel in project.dashboard.model().panels
        for value in panel.values
    }
    measured = {
        (metric["config"]["type"].rpartition(":")[2], metric["config"]["column"])
        for page in workspace.list_runs(project.id)
        for metric in _metrics(workspace, project.id, page)
    }

    assert shown == measured


def _metrics(workspace, project_id, page):  # type: ignore[no-untyped-def]
    from evidently.core.report import Snapshot

    return Snapshot.load_dict(workspace.get_run(project_id, page).dict()).dict()["metrics"]
