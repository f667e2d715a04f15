"""The pages Loop, Drift and Models, empty and with a past, and what is done on them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows.places import engine
from infra import audit, ledger, registry
from infra.access.approvals import waiting_approval, want_approval
from infra.access.pauses import current_pause
from infra.database import session
from infra.field_samples import SampleState, list_samples
from infra.review.sample_states import Origin, Use
from infra.settings import settings
from infra.tables import AuditDraw, FieldSample, ScoredRequest
from tests.monitoring.console.filled import Filled, fill
from tests.monitoring.console.running import Visitor, desk_here, running
from tests.test_printable import HOSTILE

PAGES = ("/", "/drift", "/models")


@pytest.fixture(scope="module")
def past(
    tmp_path_factory: pytest.TempPathFactory,
    migrated_mlflow: Path,
    make_detector: Callable[..., Path],
) -> tuple[Path, Filled]:
    """A state folder with a past, made once and copied by each test."""
    state = tmp_path_factory.mktemp("past")
    shutil.copy(migrated_mlflow, state / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANTIPHON_STATE_DIR", str(state))
        return state, fill(make_detector, tmp_path_factory.mktemp("detectors"))


@pytest.fixture
def filled(past: tuple[Path, Filled], state: Path) -> Filled:
    """That past in the state folder of the settings."""
    shutil.copytree(past[0], state, dirs_exist_ok=True)
    return past[1]


@pytest.fixture
def someone(
    filled: Filled,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
    free_port: Callable[[], int],
) -> Iterator[Visitor]:
    """Somebody at a console with a past."""
    monkeypatch.setenv("ANTIPHON_CONSOLE_PORT", str(free_port()))
    with running(desk_here()) as address, Visitor(address) as visitor:
        yield visitor


def events() -> list[tuple[str, str]]:
    return [(row.event, row.actor) for row in audit.rows(engine())]


def test_params_that_no_cycle_can_read_are_the_first_thing_to_see(
    mlflow_state: Path,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    free_port: Callable[[], int],
) -> None:
    (tmp_path / "wrong.yaml").write_text("training: {epochs: many}\n")
    monkeypatch.setenv("ANTIPHON_PARAMS_FILE", str(tmp_path / "wrong.yaml"))
    monkeypatch.setenv("ANTIPHON_CONSOLE_PORT", str(free_port()))
    with running(desk_here()) as address, Visitor(address) as someone:
        page = someone.get("/")
    assert page.status_code == 200
    assert "No cycle can run" in page.text
    assert "epochs" in page.text


def test_each_page_says_what_to_do_where_nothing_is_yet(visitor: Visitor) -> None:
    for path in PAGES:
        page = visitor.get(path)
        assert page.status_code == 200
        assert re.search(r'class="empty">.*<code>antiphon ', page.text), path


def test_the_loop_shows_champion_verdicts_and_drift(someone: Visitor, filled: Filled) -> None:
    page = someone.get("/").text
    for shown in ("version 2", "d" * 10, "Traffic has drifted", f"/evidence/{filled.evidence}"):
        assert shown in page
    assert re.search(r"−?\+?\d+\.\d\d to ", page.replace("\n", "")), "the interval of a verdict"


def test_the_loop_shows_the_live_errors_of_audited_calls(someone: Visitor, filled: Filled) -> None:
    audited, labelled = filled.requests[:12], filled.requests[:8]
    now = datetime.now(UTC)
    with session(engine()) as transaction:
        for name in audited:
            transaction.add(
                AuditDraw(
                    request_id=name, drawn_at=now, model_version=2, probability=0.3, kept=True
                )
            )
            verdict = transaction.get_one(ScoredRequest, name).verdict
            label = verdict if name in labelled else None
            state = SampleState.ACCEPTED if label else SampleState.FLAGGED
            transaction.add(
                FieldSample(
                    request_id=name, state=state, origin=Origin.AUDIT, use=Use.AUDIT, label=label,
                    flagged_at=now, audio_key="recordings/a.flac",
                )
            )  # fmt: skip
    page = " ".join(re.sub("<[^>]+>", " ", someone.get("/").text).split())
    assert re.search(r"misses 0\.0 % 0\.0 % to \d+\.\d %, 6 calls", page)
    assert re.search(r"false alarms 0\.0 % 0\.0 % to \d+\.\d %, 2 calls", page)
    assert "8 of 12 drawn calls are labelled, 4 wait" in page
    assert "kept apart 8 for the audit" in page


def test_the_loop_counts_the_labels_that_train_apart_from_those_that_do_not(
    someone: Visitor, filled: Filled
) -> None:
    holds = (None, None, "", "its neighbours are bona fide")  # "": a person let it in
    with session(engine()) as transaction:
        for name, held in zip(filled.requests, holds, strict=False):
            transaction.add(
                FieldSample(
                    request_id=name, state=SampleState.ACCEPTED, origin=Origin.FEEDBACK,
                    use=Use.TRAIN, label="spoof", held=held, flagged_at=datetime.now(UTC),
                )
            )  # fmt: skip
    page = " ".join(re.sub("<[^>]+>", " ", someone.get("/").text).split())
    assert "new labels 3 for the next dataset version" in page
    assert "held 1 by the checks of labels" in page


def test_a_verdicts_evidence_is_shown_as_it_was_written(someone: Visitor, filled: Filled) -> None:
    assert f'src="/evidence/{filled.evidence}/index.html"' in (
        someone.get(f"/evidence/{filled.evidence}").text
    )
    document = someone.get(f"/evidence/{filled.evidence}/index.html")
    written = settings().state_dir / "evidence" / filled.evidence / "index.html"
    assert document.content == written.read_bytes()
    assert "sandbox" in document.headers["content-security-policy"]


def test_evidence_that_is_not_here_is_fetched_from_its_run(
    someone: Visitor, filled: Filled
) -> None:
    folder = settings().state_dir / "evidence" / filled.evidence
    before = (folder / "index.html").read_bytes()
    shutil.rmtree(folder)
    assert someone.get(f"/evidence/{filled.evidence}/index.html").content == before
    assert someone.get(f"/evidence/{'0' * 16}").status_code == 404
    assert someone.get("/evidence/..%2f..%2fantiphon.db").status_code == 404


def test_a_rollback_is_done_and_written_down(someone: Visitor) -> None:
    page = someone.post("/loop/rollback")
    assert "Version 1 is the champion again" in page.text
    champion = registry.champion()
    assert champion is not None and champion.version == 1
    assert events()[-1] == ("rollback", desk_here().local_person)


def test_a_pause_holds_until_somebody_resumes(someone: Visitor) -> None:
    assert someone.post("/loop/pause", reason=" ").status_code == 400
    assert "a new codec" in someone.post("/loop/pause", reason="a new codec").text
    assert current_pause(engine()) is not None
    assert someone.post("/loop/pause", reason="again").status_code == 409
    someone.post("/loop/resume")
    assert current_pause(engine()) is None
    assert [event for event, _ in events()[-2:]] == ["pause", "resumption"]


def test_a_winner_that_waits_is_approved_on_the_page(someone: Visitor) -> None:
    registry.rollback()
    want_approval(engine(), 2, 1, "the EER falls", "cycle x")
    assert "Version 2 waits for a person" in someone.get("/").text
    assert "Version 2: " in someone.post("/loop/approve", version="2").text
    champion = registry.champion()
    assert champion is not None and champion.version == 2
    assert waiting_approval(engine()) is None
    assert someone.post("/loop/approve", version="2").status_code == 404


def test_a_cycle_is_asked_for_behind_the_one_that_runs(someone: Visitor) -> None:
    ledger.request_cycle(engine(), "schedule", "the schedule")
    assert ledger.claim_cycle(engine(), lease_s=300) is not None
    page = someone.post("/loop/cycle", reason="fifty new labels")
    assert "the request waits for the next" in page.text
    (waiting,) = ledger.waiting_requests(engine())
    assert waiting.reason.startswith("fifty new labels (")
    assert "fifty new labels" in someone.get("/loop/now").text
    assert events()[-1][0] == "cycle-request"


def test_the_drift_page_has_every_signal_and_its_past(someone: Visitor) -> None:
    page = someone.get("/drift").text
    assert page.count('<th scope="row">') == 3
    assert '<span class="badge bad">moved</span>' in page
    drawn = someone.get("/drift/curves.json").json()
    assert [len(curve["v"]) for curve in drawn["curves"]] == [12, 12, 12]
    assert "promotion: version 2" in [mark["text"] for mark in drawn["marks"]]
    assert "promotion: version 2" in page, "swaps are told in words, too"


def test_answers_of_the_map_are_played_and_sent_to_review(someone: Visitor, filled: Filled) -> None:
    drawn = someone.get("/drift/map.json").json()
    assert (len(drawn["answers"]), len(drawn["reference"])) == (len(filled.requests), 60)
    far = {answer["id"] for answer in drawn["answers"] if answer["far"] > 2}
    assert far == {name for name in filled.requests if int(name[-2:]) % 4 == 0}
    address = f"/media/request/{filled.requests[0]}/sound.wav"
    sound = someone.get(address, Range="bytes=0-3")
    assert (sound.status_code, sound.content) == (206, b"RIFF")
    page = someone.post("/drift/review", request_id=filled.requests[0])
    assert "1 recording waits for review." in page.text
    (sample,) = list_samples(engine())
    assert (sample.request_id, sample.state) == (filled.requests[0], "flagged")
    assert (sample.origin, sample.claimed_label) == (Origin.DRIFT, None), "nothing is claimed"


def test_versions_stand_side_by_side(someone: Visitor) -> None:
    page = someone.get("/models/compare", HX_Request="true")
    assert 'id="det"' in page.text
    assert "Version 1: the audit log knows no evidence of its run" in page.text


@pytest.mark.parametrize("text", HOSTILE[:-1])
def test_nothing_that_a_client_wrote_is_obeyed(someone: Visitor, text: str) -> None:
    text = text.replace("\x00", "") + "<script>alert(1)</script>"
    ledger.request_cycle(engine(), "manual", text)
    audit.append(engine(), audit.Event.PAUSE, text, {"reason": text})
    want_approval(engine(), 2, 1, text, text[:128])
    for path in (*PAGES, "/loop/now", "/models/compare"):
        page = someone.get(path).text
        assert "<script>alert" not in page
        for letter in "\x1b\x9b\x07\x08\u202e\u2066\u2028\x85":
            assert letter not in page


def test_an_outage_is_a_sentence(someone: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTIPHON_MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    for path in PAGES:
        page = someone.get(path)
        assert page.status_code == 503
        assert "MLflow at http://127.0.0.1:9 cannot be reached" in page.text
        assert "Traceback" not in page.text
