"""Whole conversations, message by message, with `bentoml serve` and real speech.

The detectors of these tests score a window by its power, so that a score tells which samples, of
which channel and through which code, were heard.
"""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr
from numpy.typing import NDArray
from typer.testing import CliRunner

from flows.cli import app
from infra import registry, tracking
from infra.database import open_database
from infra.live.stream_rows import read_stream, streams_of_call
from infra.settings import Settings, settings
from infra.tables import StreamRow
from infra.webhooks.signing import SECRET_PREFIX, signature
from serving.client import AsyncClient, Client
from serving.client.errors import StreamClosedError
from serving.streams.samples import ENCODINGS
from tests.receiver import Receiver, receiving
from tests.serving.served import Served, place_of_its_own, running
from tests.serving.streams.callers import (
    CHUNK,
    TOKEN,
    Caller,
    at_8_khz,
    audiohook,
    call,
    chunks,
    linear,
    mulaw,
    ring,
    twilio_media,
    twilio_start,
)

pytestmark = pytest.mark.slow

KEY = b"k" * 32
ROOT = Path(__file__).parents[3]
LOUD = 1.0  # the bias of version 1


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def place(
    tmp_path_factory: pytest.TempPathFactory,
    migrated_mlflow: Path,
    versions: dict[int, Path],
    receiver: Receiver,
) -> Iterator[Settings]:
    """An endpoint with a token, narrow limits, and version 1 of two as the champion."""
    folder = tmp_path_factory.mktemp("streams")
    more = {
        "api_token": TOKEN,
        "streams_per_worker": "4",
        "stream_idle_s": "5",
        "stream_ahead_s": "20",
        "webhook_targets": receiver.url,
        "webhook_secret": SECRET_PREFIX + base64.b64encode(KEY).decode(),
    }
    with place_of_its_own(folder, migrated_mlflow, workers=1, **more) as place:
        for name in (1, 2):
            run = tracking.open_run(f"run-{name}", "a detector", {})
            registry.register(versions[name], run, {})
            tracking.close_run(run)
        registry.set_champion(1, expected=None)
        yield place


@pytest.fixture(scope="module")
def served(place: Settings) -> Iterator[Served]:
    with running(place, "log.txt") as served:
        served.client.headers["Authorization"] = f"Bearer {TOKEN}"
        served.wait_for("/readyz", lambda response: response.status_code == 200)
        yield served


@pytest.fixture
def corpus(shared: Path) -> Path:
    return shared / "corpus"


def dial(served: Served, path: str = "/v1/stream", **more: Any) -> Caller:
    return ring(str(served.client.base_url).rstrip("/"), path, **more)


def streams_of(served: Served, call_id: str) -> Any:
    """What whoever knows a call reads of its streams."""
    return served.client.get("/v1/streams", params={"call_id": call_id, "wait": 10}).json()[
        "streams"
    ]


def written(place: Settings, stream_id: str) -> StreamRow:
    """The row of a stream that has ended, which a thread writes a moment later."""
    deadline = time.monotonic() + 30
    while True:
        row = read_stream(open_database(place.database_url), stream_id)
        if row is not None and row.ended_at is not None:
            return row
        assert time.monotonic() < deadline
        time.sleep(0.05)


def verdicts_of(messages: list[dict[str, Any]], channel: int = 0) -> list[dict[str, Any]]:
    return [m for m in messages if m["type"] == "Verdict" and m["channel"] == channel]


def check_scores(verdicts: list[dict[str, Any]], audio: NDArray[np.float32]) -> None:
    """Each score is that of the samples (n,) at 16 kHz that its window names, and all are heard."""
    end = 0.0
    for verdict in verdicts:
        start, stop = (round(verdict[name] * 16_000) for name in ("start", "end"))
        power = float(np.square(audio[start:stop], dtype=np.float64).mean())
        if verdict["cm_score"] is None:
            assert verdict["reason"]
        else:
            assert verdict["cm_score"] == pytest.approx(LOUD + power, abs=1e-4)
        assert verdict["start"] <= end <= verdict["end"]
        end = verdict["end"]


def through(data: bytes, encoding: str, rate: int) -> NDArray[np.float32]:
    """What a detector hears of raw audio, at 16 kHz."""
    samples = ENCODINGS[encoding].decode(data)
    return np.asarray(soxr.resample(samples, rate, 16_000), np.float32)


def test_a_native_client_hears_of_every_second_and_gets_a_summary(
    served: Served, place: Settings, corpus: Path
) -> None:
    speech = call(corpus, 7.0)
    caller = dial(served, "/v1/stream?encoding=linear16&sample_rate=16000&call_id=c-1")
    begin = caller.receive()
    assert (begin["type"], begin["model_version"], begin["policy"]) == ("Begin", 1, "default")
    assert begin["window_s"] == 0.5 and begin["hop_s"] == 1.0
    for frame in chunks(linear(speech), 3_001):
        caller.send(frame)
    caller.send({"type": "KeepAlive"})
    caller.send({"type": "Finalize"})
    seconds = caller.until("Verdict")
    while not seconds[-1]["is_final"] or seconds[-1]["end"] < 7.0:
        seconds += caller.until("Verdict")
    caller.send({"type": "CloseStream"})
    *rest, summary = caller.rest()
    assert caller.socket.close_code == 1000
    check_scores(verdicts_of(seconds + rest), through(linear(speech), "linear16", 16_000))
    assert [m["seq"] for m in seconds + rest] == list(range(1, len(seconds + rest) + 1))
    assert summary["type"] == "Summary" and summary["duration"] == 7.0
    assert summary["speech_s"] > 4.0 and summary["verdict"] == "bonafide"
    answer = served.client.get(f"/v1/streams/{begin['id']}").json()
    assert (answer["state"], answer["call_id"], answer["model_version"]) == ("ended", "c-1", 1)
    assert answer["segments"] == summary["segments"] and answer["close_code"] == 1000
    row = written(place, begin["id"])
    assert (row.dialect, row.state, row.verdict) == ("native", "ended", "bonafide")


def test_a_window_that_nobody_can_judge_is_no_evidence(served: Served, corpus: Path) -> None:
    caller = dial(served)
    caller.receive()
    caller.send(linear(np.zeros(3 * 16_000, np.float32)))
    caller.send({"type": "Finalize"})
    silent = caller.until("Verdict")[-1]
    assert (silent["verdict"], silent["reason"]) == ("unscorable", "silent")
    assert (silent["cm_score"], silent["running"]) == (None, None)
    caller.send({"type": "Gap", "seconds": 2.5})
    caller.send(linear(call(corpus, 3.0)))
    caller.send({"type": "CloseStream"})
    *_, summary = caller.rest()
    assert summary["verdict"] == "bonafide"
    starts = [segment["start"] for segment in summary["segments"]]
    assert 5.5 in starts, "what came after the gap was not glued to what came before"


def test_a_call_of_twilio_is_scored_by_track_in_the_order_of_its_chunks(
    served: Served, corpus: Path
) -> None:
    inbound, outbound = (mulaw(at_8_khz(call(corpus, 4.0, skip=n))) for n in (0, 40))
    caller = dial(served, "/v1/stream/twilio", token=None)
    caller.send({"event": "connected", "protocol": "Call", "version": "1.0.0"})
    caller.send(twilio_start("CA1", "inbound", "outbound", token=TOKEN))
    pieces = {"inbound": chunks(inbound, CHUNK), "outbound": chunks(outbound, CHUNK)}
    for number in range(200):
        for track, data in pieces.items():
            if (track, number) != ("outbound", 99):  # lost
                caller.send(twilio_media(track, number + 1, data[number]))
        if number == 50:
            caller.send(twilio_media("inbound", 20, data[0]))  # twice: dropped
            caller.send({"event": "mark", "streamSid": "MZ1", "mark": {"name": "m"}})
            caller.send({"event": "dtmf", "dtmf": {"digit": "1", "track": "inbound_track"}})
    caller.send({"event": "stop", "streamSid": "MZ1", "stop": {"callSid": "CA1"}})
    assert caller.rest() == [] and caller.socket.close_code == 1000
    (answer,) = streams_of(served, "CA1")
    assert (answer["dialect"], answer["state"], answer["gaps"]) == ("twilio", "ended", 1)
    assert [channel["name"] for channel in answer["channels"]] == ["inbound", "outbound"]
    assert answer["duration"] == 4.0
    edges = {s[edge] for s in answer["segments"] if s["channel"] == 1 for edge in ("start", "end")}
    assert {0.0, 1.98, 2.0, 4.0} <= edges, "a lost chunk of 20 ms splits the outbound track"
    heard_power = through(inbound, "mulaw", 8_000)
    scores = [s["score"] for s in answer["segments"] if s["channel"] == 0 and s["score"]]
    power = float(np.square(heard_power, dtype=np.float64).mean())
    assert np.mean(scores) == pytest.approx(LOUD + power, abs=0.01)


def test_frames_of_telnyx_may_come_in_any_order(served: Served, corpus: Path) -> None:
    data = linear(at_8_khz(call(corpus, 3.0)), ">i2")
    answers = []
    for name, shuffled in (("in-order", False), ("shuffled", True)):
        caller = dial(served, "/v1/stream/telnyx")
        start = {
            "call_control_id": name,
            "media_format": {"encoding": "L16", "sample_rate": 8000, "channels": 1},
        }
        caller.send({"event": "connected", "version": "1.0.0"})
        caller.send({"event": "start", "sequence_number": "1", "stream_id": "s", "start": start})
        frames = [
            {
                "event": "media",
                "stream_id": "s",
                "media": {
                    "track": "inbound",
                    "chunk": str(n + 1),
                    "payload": base64.b64encode(piece).decode(),
                },
            }
            for n, piece in enumerate(chunks(data, 2 * CHUNK))
        ]
        if shuffled:
            first, rest = frames[:1], frames[1:]
            order = np.argsort(
                np.arange(len(rest)) + np.random.default_rng(1).uniform(0, 5, len(rest))
            )
            frames = first + [rest[n] for n in order]
        for frame in frames:
            caller.send(frame)
        caller.send({"event": "stop", "stream_id": "s", "stop": {"call_control_id": name}})
        assert caller.close_code() == 1000
        (answer,) = streams_of(served, name)
        answers.append(answer)
    first, second = answers
    assert first["gaps"] == second["gaps"] == 0
    assert first["duration"] == second["duration"] == 3.0
    assert first["segments"] == second["segments"]
    scored = [s for s in first["segments"] if s["score"] is not None]
    audio = through(data, "linear16-be", 8_000)
    for segment in scored:
        start, end = (round(segment[name] * 16_000) for name in ("start", "end"))
        power = float(np.square(audio[start:end], dtype=np.float64).mean())
        assert segment["score"] == pytest.approx(LOUD + power, abs=1e-3)
    assert scored


def test_a_conversation_of_genesys_is_opened_paused_resumed_and_closed(
    served: Served, corpus: Path
) -> None:
    external, internal = (at_8_khz(call(corpus, 4.0, skip=n)) for n in (0, 40))
    media = [
        {"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000},
        {"type": "audio", "format": "PCMU", "channels": ["external", "internal"], "rate": 8000},
    ]
    key = {"X-API-KEY": TOKEN}
    caller = dial(served, "/v1/stream/audiohook", token=None, additional_headers=key)
    caller.send(audiohook("open", 1, 0, conversationId="conv-1", media=media))
    opened = caller.receive()
    assert (opened["type"], opened["seq"], opened["clientseq"]) == ("opened", 1, 1)
    assert opened["parameters"] == {"startPaused": False, "media": media[1:]}
    both = np.frombuffer(mulaw(np.stack([external, internal], axis=1).reshape(-1)), np.uint8)
    first, second = both.tobytes()[:32_000], both.tobytes()[32_000:]  # 2 s of two channels each
    caller.send(first)
    caller.send(audiohook("ping", 2, 1, rtt="PT0.08S"))
    (*_, pong) = caller.until("pong")
    assert pong["clientseq"] == 2 and pong["parameters"] == {}
    caller.send(audiohook("paused", 3, pong["seq"]))
    caller.send(audiohook("resumed", 4, pong["seq"], start="PT2S", discarded="PT1M1.5S"))
    caller.send(second)
    caller.send(audiohook("close", 5, pong["seq"], reason="end"))
    *events, closed = caller.rest()
    assert closed["type"] == "closed" and closed["clientseq"] == 5
    assert caller.socket.close_code == 1000
    assert [e["type"] for e in events] == ["event"] * len(events)
    entities = [e["parameters"]["entities"][0] for e in events]
    assert {entity["data"]["channel"] for entity in entities} == {"external", "internal"}
    assert {entity["data"]["verdict"] for entity in entities} == {"bonafide"}
    sequence = [opened["seq"], pong["seq"], *(e["seq"] for e in events), closed["seq"]]
    assert sorted(sequence) == list(range(1, len(sequence) + 1))
    (answer,) = streams_of(served, "conv-1")
    assert [c["name"] for c in answer["channels"]] == ["external", "internal"]
    assert answer["duration"] == pytest.approx(65.5) and answer["gaps"] == 1


def test_one_version_answers_for_a_whole_stream_across_a_swap(served: Served, corpus: Path) -> None:
    caller = dial(served)
    version = caller.receive()["model_version"]
    speech = linear(call(corpus, 4.0))
    caller.send(speech[:64_000])
    caller.until("Verdict")
    registry.set_champion(2, expected=1)
    try:
        served.wait_for("/model", lambda response: response.json()["version"] == 2)
        caller.send(speech[64_000:])
        caller.send({"type": "CloseStream"})
        messages = caller.rest()
        assert version == 1
        assert all(v["cm_score"] is None or v["cm_score"] < 2 for v in verdicts_of(messages))
        assert dial(served).receive()["model_version"] == 2
    finally:
        registry.set_champion(1, expected=2)
        served.wait_for("/model", lambda response: response.json()["version"] == 1)


def test_a_verdict_is_told_to_a_listed_receiver_signed_and_once(
    served: Served, corpus: Path, receiver: Receiver
) -> None:
    caller = dial(served, f"/v1/stream?call_id=hook&webhook={receiver.url}")
    stream_id = caller.receive()["id"]
    caller.send(linear(call(corpus, 4.0)))
    caller.send({"type": "CloseStream"})
    *_, summary = caller.rest()
    requests = receiver.wait_for(1)
    documents = []
    for headers, body in requests:
        facts = headers["webhook-id"], headers["webhook-timestamp"], body
        assert headers["webhook-signature"] == signature(KEY, *facts)
        documents.append(json.loads(body))
    ended = [d for d in documents if d["type"] == "stream.ended"]
    while not ended:
        documents = [json.loads(body) for _, body in receiver.wait_for(len(documents) + 1)]
        ended = [d for d in documents if d["type"] == "stream.ended"]
    assert len(ended) == 1
    data = ended[0]["data"]
    assert (data["id"], data["call_id"], data["state"]) == (stream_id, "hook", "ended")
    assert (data["verdict"], data["segments"]) == (summary["verdict"], summary["segments"])


@pytest.mark.parametrize(
    ("path", "messages", "code", "sentence"),
    [
        ("?sample_rate=4000", [], 4000, "sample_rate: 8000 to 48000 Hz expected, found 4000"),
        ("?encoding=opus", [], 4000, "encoding: one of linear16, linear32, mulaw, alaw expected"),
        ("?channels=3", [], 4000, "channels: 1 or 2 expected, found 3"),
        ("?colour=red", [], 4101, "colour: no parameter of this name"),
        ("?policy=strict", [], 4101, "policy: no policy named 'strict'; known: default"),
        ("?webhook=http://169.254.169.254/", [], 4101, "webhook: http://169.254.169.254:80"),
        ("", [{"type": "Nonsense"}], 4101, "message: input tag 'Nonsense'"),
        ("", [{"type": "Gap", "seconds": -1}], 4101, "Gap.seconds: input should be greater"),
        ("", [b"\0" * 32_000 * 21], 4029, "audio at most 20 s ahead of the clock expected"),
        ("", [], 4031, "a message every 5 s expected"),
        ("/twilio", [{"event": "media", "media": {}}], 4101, None),
        ("/audiohook", [b"\0" * 320], 4101, "audio after opened expected"),
    ],
)  # fmt: skip
def test_a_stream_that_cannot_go_on_says_why_and_closes_with_its_code(
    served: Served,
    path: str,
    messages: list[dict[str, Any] | bytes],
    code: int,
    sentence: str | None,
) -> None:
    caller = dial(served, f"/v1/stream{path}")
    for message in messages:
        caller.send(message)
    received = caller.rest()
    assert caller.socket.close_code == code
    last = received[-1] if received else {}
    if path == "/audiohook":
        assert last["type"] == "disconnect" and last["parameters"]["reason"] == "error"
        assert sentence is not None and sentence in last["parameters"]["info"]
    elif sentence is not None:
        assert (last["type"], last["error_code"]) == ("Error", code)
        assert last["error"].startswith(sentence)
    assert "\n" not in str(caller.socket.close_reason)


@pytest.mark.parametrize("token", ["wrong", None])
def test_a_stream_needs_a_token(served: Served, token: str | None) -> None:
    assert dial(served, token=token).close_code() == 4001
    assert (
        served.client.get("/v1/streams/x", headers={"Authorization": "Bearer no"}).status_code
        == 401
    )
    twilio = dial(served, "/v1/stream/twilio", token=None)
    twilio.send(twilio_start("CA2", "inbound", token=token or ""))
    assert twilio.close_code() == 4001


def test_a_browser_sends_its_token_as_a_subprotocol(served: Served) -> None:
    caller = dial(served, token=None, subprotocols=["bearer", TOKEN])
    assert caller.socket.subprotocol == "bearer"
    assert caller.receive()["type"] == "Begin"
    caller.send({"type": "CloseStream"})
    assert caller.close_code() == 1000


def test_more_streams_than_a_worker_takes_are_refused_and_the_others_go_on(
    served: Served, corpus: Path
) -> None:
    callers = [dial(served) for _ in range(4)]
    assert all(caller.receive()["type"] == "Begin" for caller in callers)
    assert dial(served).close_code() == 4102
    for caller in callers:
        caller.send(linear(call(corpus, 2.0)))
        caller.send({"type": "CloseStream"})
    assert [caller.rest()[-1]["type"] for caller in callers] == ["Summary"] * 4


def test_a_client_that_is_cut_off_leaves_a_verdict_on_what_it_said(
    served: Served, corpus: Path
) -> None:
    caller = dial(served, "/v1/stream?call_id=cut")
    caller.receive()
    caller.send(linear(call(corpus, 3.0)))
    caller.socket.socket.shutdown(socket.SHUT_RDWR)
    served.wait_for(
        "/v1/streams?call_id=cut",
        lambda response: [s["state"] for s in response.json()["streams"]] == ["broken"],
    )
    (answer,) = streams_of(served, "cut")
    assert answer["verdict"] == "bonafide" and answer["duration"] == 3.0


def test_whoever_waits_for_a_verdict_gets_it_while_the_call_goes_on(
    served: Served, corpus: Path
) -> None:
    caller = dial(served, "/v1/stream")
    stream_id = caller.receive()["id"]
    began = time.monotonic()
    assert served.client.get(f"/v1/streams/{stream_id}?wait=0.3").json()["state"] == "open"
    assert time.monotonic() - began < 5
    for second in chunks(linear(call(corpus, 12.0)), 32_000):
        caller.send(second)
    answer = served.client.get(f"/v1/streams/{stream_id}?wait=20").json()
    caller.send({"type": "CloseStream"})
    caller.rest()
    assert served.client.get("/v1/streams/x?wait=61").status_code == 400
    assert answer["id"] == stream_id


def test_the_command_streams_a_file_and_raw_audio_and_prints_what_is_said(
    served: Served, corpus: Path, tmp_path: Path
) -> None:
    speech, address = call(corpus, 2.0), str(served.client.base_url)
    soundfile.write(tmp_path / "call.wav", speech, 16_000)
    arguments = ["stream", "--endpoint", address, "--call-id", "by-hand"]
    printed = CliRunner().invoke(app, [*arguments, "--json", str(tmp_path / "call.wav")])
    messages = [json.loads(line) for line in printed.stdout.splitlines()]
    assert [messages[0]["type"], messages[-1]["type"]] == ["Begin", "Summary"], printed.output
    check_scores(verdicts_of(messages)[:-1], through(linear(speech), "linear16", 16_000))
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", *arguments, "-", "--encoding", "mulaw",
         "--sample-rate", "8000"],
        input=mulaw(at_8_khz(speech)), capture_output=True, check=True, cwd=ROOT,
    )  # fmt: skip
    assert "bonafide: 2.0 s with" in done.stdout.decode()
    assert len(streams_of(served, "by-hand")) == 2


def test_a_worker_that_ends_asks_its_streams_to_reconnect_and_lets_them_finish(
    place: Settings, corpus: Path, free_port: Callable[[], int]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANTIPHON_ENDPOINT_PORT", str(free_port()))
        patch.setenv("ANTIPHON_DRAIN_S", "7")
        patch.setenv("ANTIPHON_STREAM_IDLE_S", "10")
        with running(settings(), "drain.txt") as served:
            served.client.headers["Authorization"] = f"Bearer {TOKEN}"
            served.wait_for("/readyz", lambda response: response.status_code == 200)
            caller, late = dial(served, "/v1/stream?call_id=drained"), dial(served)
            caller.send(linear(call(corpus, 3.0)))
            caller.until("Begin"), late.until("Begin")
            served.process.terminate()
            assert caller.until("Reconnect")[-1]["within_s"] == 2.0
            assert served.client.get("/readyz").status_code == 503
            assert dial(served).close_code() == 1012, "nobody new is let in"
            caller.send({"type": "CloseStream"})
            assert caller.rest()[-1]["type"] == "Summary"
            assert late.rest()[-1]["error_code"] == 1012
            served.process.wait(30)
    row = streams_of_call(open_database(place.database_url), "drained")[0]
    assert (row.state, row.close_code) == ("ended", 1000)


def test_the_python_clients_speak_it(served: Served, corpus: Path) -> None:
    audio = at_8_khz(call(corpus, 5.0))
    pieces = chunks(linear(audio), CHUNK)
    url, options = str(served.client.base_url), {"sample_rate": 8000, "call_id": "client-1"}
    with Client(url, TOKEN) as client:
        messages = list(client.stream(pieces, **options))
        with pytest.raises(StreamClosedError, match="encoding"):
            list(client.stream(pieces, encoding="mp3"))

    async def heard() -> list[Any]:
        async with AsyncClient(url, TOKEN) as client:
            return [message async for message in client.stream(pieces, **options)]

    for listened in (messages, asyncio.run(heard())):
        assert (listened[0]["type"], listened[-1]["type"]) == ("Begin", "Summary")
        assert listened[-1]["duration"] == pytest.approx(len(audio) / 8000, abs=0.05)
        assert verdicts_of(listened)
