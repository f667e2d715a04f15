"""Samples: what is searched is shown, what could sway a reviewer is not, what is erased is gone."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy import update

from flows.places import engine
from infra import audit
from infra.access.scopes import Scope
from infra.access.tokens import create_token
from infra.database import session
from infra.field_samples import SampleState
from infra.review.answers import Answer
from infra.review.desk import take_item
from infra.review.history import history
from infra.review.judging import submit
from infra.settings import settings
from infra.storage import open_store
from infra.tables import FieldSample
from models.params.retraining import ReviewParams
from monitoring.console.samples.search import PAGE
from tests.monitoring.console.listening.conftest import Listener
from tests.monitoring.console.listening.field import keep, tone

RULE = ReviewParams()


def judge(sample_id: int, reviewer: str, label: str) -> None:
    take_item(engine(), sample_id, reviewer, RULE)
    submit(engine(), sample_id, reviewer, Answer(label), uuid.uuid4().hex, RULE)


@pytest.fixture
def berta(console: str) -> Iterator[Listener]:
    """A reviewer who may not administrate."""
    with Listener(console) as visitor:
        visitor.sign_in(create_token(engine(), "berta", [Scope.REVIEW], "a test"))
        yield visitor


def test_the_search_finds_what_it_is_asked_for_and_pages_through_the_rest(
    visitor: Listener,
) -> None:
    requests = keep([tone(300.0, 0.2)] * (PAGE + 7), speaker_id="s-9", source="fax")
    (other,) = keep([tone(400.0, 0.2)], flagged=False, source="line-x", model_version=3)
    first = visitor.get("/samples?source=fax")
    assert first.text.count('href="/samples/') - first.text.count('href="/samples/%') >= PAGE
    shown = [request for request in requests if request in first.text]
    rest = visitor.get(httpx.URL(next_page(first.text)).raw_path.decode())
    assert len(shown) == PAGE
    assert sorted(shown + [r for r in requests if r in rest.text]) == sorted(requests)
    for query in (f"q={other[:8]}", "source=line-x", "version=3", "state=not+asked+about"):
        listed = visitor.get(f"/samples?{query}").text
        assert other in listed
        assert requests[0] not in listed
    assert requests[0] in visitor.get(f"/samples?q=1&state={SampleState.FLAGGED}").text
    assert "Nothing matches" in visitor.get("/samples?until=2020-01-01").text
    assert visitor.get("/samples?since=yesterday").status_code == 400
    assert visitor.get("/samples?after=nowhere").status_code == 400


def next_page(text: str) -> str:
    at = text.index('rel="next"')
    link = text[text.rindex('href="', 0, at) + 6 : at]
    return link[: link.index('"')].replace("&amp;", "&")


def test_what_could_sway_a_reviewer_is_shown_after_the_answer(berta: Listener) -> None:
    (request,) = keep([tone(300.0)], cm_score=-7.25, verdict="spoof")
    page = f"/samples/{request}"
    for path in ("/samples", page, page + "?all=yes"):
        text = berta.get(path).text
        assert "after your own answer" in text
        assert "−7.25" not in text
        assert "badge bad" not in text
    judge(1, "berta", "bonafide")
    text = berta.get(page).text
    assert "−7.25" in text
    assert "berta" in text
    assert "badge bad" in berta.get("/samples").text


def test_a_gold_item_looks_like_any_other(berta: Listener) -> None:
    (request,) = keep([tone(300.0)])
    with session(engine()) as transaction:
        sample = transaction.get_one(FieldSample, 1)
        sample.state, sample.use, sample.origin = SampleState.ACCEPTED, "gold", "gold"
        sample.label, sample.reviewer = "spoof", "the-one-who-knows"
    for path in ("/samples", f"/samples/{request}"):
        text = berta.get(path).text.split("</form>")[-1]  # the choices of the search are not
        assert "gold" not in text
        assert "the-one-who-knows" not in text
    assert request not in berta.get("/samples?label=spoof").text
    assert request not in berta.get("/samples?origin=gold").text


def test_what_is_erased_is_gone_from_store_disk_and_page(visitor: Listener) -> None:
    (request,) = keep([tone(300.0)], speaker_id="somebody")
    media = f"/media/request/{request}"
    assert visitor.get(f"{media}/peaks?from=0&to=1&columns=10").status_code == 200
    renditions = settings().state_dir / "console" / "renditions"
    assert len(list(renditions.iterdir())) == 1
    answer = visitor.post("/samples/1/erase")
    assert "Sample 1 and its recording are erased" in answer.text
    assert "somebody" not in answer.text
    assert open_store(settings()).list("recordings/") == []
    assert list(renditions.iterdir()) == []
    for address in ("info", "sound.wav", "peaks?from=0&to=1&columns=10", "tile?level=0&index=0"):
        assert visitor.get(f"{media}/{address}").status_code == 404
    assert visitor.post("/samples/1/erase").status_code == 409
    assert [row.event for row in audit.rows(engine())].count("erasure") == 1


def test_only_an_administrator_erases(berta: Listener) -> None:
    keep([tone(300.0)])
    assert berta.client.get("/samples/1").status_code == 404
    answer = berta.client.post(
        "/samples/1/erase", data={"csrf": berta.csrf()}, headers={"Origin": berta.address}
    )
    assert answer.status_code == 403
    assert len(open_store(settings()).list("recordings/")) == 1


def test_sound_is_given_by_range_and_nothing_else_of_a_recording(visitor: Listener) -> None:
    (request,) = keep([tone(300.0, 1.0, channels=2)])
    sound = f"/media/request/{request}/sound.wav"
    whole = visitor.get(sound)
    assert whole.headers["content-type"] == "audio/wav"
    assert len(whole.content) == 44 + 32_000
    part = visitor.get(f"{sound}?channel=mix", Range="bytes=1000-1999")
    assert part.status_code == 206
    assert part.headers["content-range"] == "bytes 1000-1999/32044"
    assert part.content == whole.content[1000:2000]
    assert visitor.get(sound, Range="bytes=32044-").status_code == 416
    assert visitor.get(f"{sound}?channel=1").content != whole.content
    for wrong in ("sound.wav?channel=2", "tile?level=99&index=0", "peaks?from=x&to=1&columns=9"):
        assert visitor.get(f"/media/request/{request}/{wrong}").status_code == 400
    assert visitor.get("/media/request/nobody/info").status_code == 404
    assert visitor.get("/media/sample/..%2F1/info").status_code == 404


def test_a_recording_that_is_no_audio_says_why_it_cannot_be_heard(visitor: Listener) -> None:
    (request,) = keep([b"<script>alert(1)</script>" * 40])
    facts = visitor.get(f"/media/request/{request}/info").json()
    assert facts["progress"] == "refused"
    assert "no format that is known" in facts["sentence"]
    assert visitor.get(f"/media/request/{request}/sound.wav").status_code == 404


def test_a_cluster_is_answered_at_once_and_taken_back_at_once(berta: Listener) -> None:
    keep([tone(200.0 + 50 * number, 0.2) for number in range(3)])
    with session(engine()) as transaction:
        transaction.execute(update(FieldSample).values(state="quarantined", cluster="1-3f2a"))
    assert "1-3f2a" in berta.get("/review/clusters").text
    text = berta.get("/review/clusters?name=1-3f2a").text
    assert text.count("/media/sample/") == 3
    start = text.index('name="key" value="') + len('name="key" value="')
    form = {"name": "1-3f2a", "label": "spoof", "key": text[start : start + 36]}
    for _ in range(2):  # a form that is sent twice is one answer
        answer = berta.client.post(
            "/review/clusters/label",
            data={"csrf": berta.csrf(), **form},
            headers={"Origin": berta.address},
        )
        assert "3 samples of cluster 1-3f2a are answered as spoof" in answer.text
    assert [len(history(engine(), number)) for number in (1, 2, 3)] == [1, 1, 1]
    undone = berta.client.post(
        "/review/undo",
        data={"document": json.dumps({"key": "k" * 36})},
        headers={"Origin": berta.address, "X-CSRF-Token": berta.csrf()},
    )
    assert undone.json()["judged"]["label"] is None
    assert [history(engine(), number)[-1].label for number in (1, 2, 3)] == [None] * 3


def test_a_try_that_no_endpoint_answers_says_what_to_do(visitor: Listener) -> None:
    assert "There is no endpoint" in visitor.get("/try").text
    answer = visitor.client.post(
        "/try/score",
        files={"audio": ("<b>x</b>.wav", tone(300.0))},
        headers={"Origin": visitor.address, "X-CSRF-Token": visitor.csrf()},
    )
    assert answer.status_code == 503
    assert "There is no endpoint (ANTIPHON_ENDPOINT=none); set its address" in answer.text
