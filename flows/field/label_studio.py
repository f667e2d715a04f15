"""Field samples as tasks of Label Studio, and its annotations as answers.

    [{"data": {"audio": "…", "request_id": "…", "sample_id": 7},
      "annotations": [{"unique_id": "…", "completed_by": {"email": "ann"}, "lead_time": 4.2,
        "was_cancelled": false, "created_at": "2026-11-30T10:00:00+00:00", "result": [
          {"type": "choices", "from_name": "verdict", "to_name": "audio",
           "value": {"choices": ["spoof"]}},
          {"type": "labels", "from_name": "label", "to_name": "audio", "original_length": 15.0,
           "value": {"start": 0.0, "end": 2.5, "channel": 0, "labels": ["spoof"]}},
          {"type": "choices", "from_name": "reasons", …}, {"type": "textarea",
           "from_name": "attack", "to_name": "audio", "value": {"text": ["A01"]}}]}]}]

https://labelstud.io/guide/task_format.html. A blind task has neither annotations nor predictions.
`CONFIG` is the labelling interface that these names fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from infra.review.answers import Answer, Region
from infra.review.exchange import ExchangedAnswer, ExchangedSample
from models.errors import InputError

CONFIG = """<View>
  <Audio name="audio" value="$audio"/>
  <Choices name="verdict" toName="audio" choice="single" required="true">
    <Choice value="bonafide"/><Choice value="spoof"/><Choice value="unsure"/>
    <Choice value="unusable"/>
  </Choices>
  <Labels name="label" toName="audio"><Label value="bonafide"/><Label value="spoof"/></Labels>
  <TextArea name="attack" toName="audio" maxSubmissions="1"/>
  <TextArea name="reasons" toName="audio"/>
</View>
"""


def tasks_of(
    samples: Sequence[ExchangedSample], audio_prefix: str, *, answers: bool, scores: bool
) -> list[dict[str, Any]]:
    """A task for each sample; `audio_prefix` goes before the key of its recording.

    With `answers` the standing answers are annotations, and what was undone is cancelled; with
    `scores` the detector's score is a prediction, which a reviewer then sees.
    """
    return [_task(sample, audio_prefix, answers, scores) for sample in samples]


def answers_of(document: object) -> list[ExchangedAnswer]:
    """The annotations of exported tasks as answers; cancelled ones are left out.

    Raises InputError that names the task and what was expected.
    """
    if not isinstance(document, list):
        raise InputError("Label Studio JSON: a list of tasks expected")
    return [answer for place, task in enumerate(document) for answer in _read_task(task, place)]


def _task(exchanged: ExchangedSample, prefix: str, answers: bool, scores: bool) -> dict[str, Any]:
    request, sample = exchanged.request, exchanged.sample
    task: dict[str, Any] = {
        "data": {
            "audio": f"{prefix}{sample.audio_key or ''}",
            "request_id": request.request_id,
            "sample_id": sample.id,
        }
    }
    if answers:
        task["annotations"] = [
            _annotation(answer, answer.answer, request.duration_s)
            for answer in exchanged.answers
            if answer.answer is not None
        ]
    if scores:
        verdict = _choice("verdict", [request.verdict], request.duration_s)
        task["predictions"] = [
            {
                "model_version": str(request.model_version),
                "score": request.spoof_probability,
                "result": [verdict],
            }
        ]
    return task


def _annotation(exchanged: ExchangedAnswer, answer: Answer, duration_s: float) -> dict[str, Any]:
    result = [_choice("verdict", [answer.label], duration_s)]
    for region in answer.regions:
        value = {"start": region.start_s, "end": region.end_s, "channel": region.channel}
        result.append(_result("labels", "label", {**value, "labels": [region.label]}, duration_s))
    for name, texts in (("attack", [answer.attack_id] if answer.attack_id else []),
                        ("reasons", list(answer.reasons))):  # fmt: skip
        if texts:
            result.append(_result("textarea", name, {"text": texts}, duration_s))
    return {
        "unique_id": exchanged.key,
        "completed_by": {"email": exchanged.reviewer},
        "lead_time": answer.seconds,
        "was_cancelled": exchanged.is_undone,
        "created_at": exchanged.at.isoformat() if exchanged.at else None,
        "result": result,
    }


def _choice(name: str, choices: list[str], duration_s: float) -> dict[str, Any]:
    return _result("choices", name, {"choices": choices}, duration_s)


def _result(kind: str, name: str, value: Mapping[str, Any], duration_s: float) -> dict[str, Any]:
    return {
        "type": kind,
        "from_name": name,
        "to_name": "audio",
        "original_length": duration_s,
        "value": dict(value),
    }


def _read_task(task: Any, place: int) -> Iterator[ExchangedAnswer]:
    try:
        request_id = str(task["data"]["request_id"])
        for number, annotation in enumerate(task.get("annotations") or []):
            if not annotation.get("was_cancelled"):
                yield _read_annotation(annotation, request_id, number)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise InputError(
            f"Label Studio task {place + 1}: data.request_id and annotations with a verdict of "
            f"one choice expected ({type(error).__name__}: {error})"
        ) from error


def _read_annotation(
    annotation: Mapping[str, Any], request_id: str, number: int
) -> ExchangedAnswer:
    values: dict[str, list[dict[str, Any]]] = {}
    for result in annotation["result"]:
        values.setdefault(result["from_name"], []).append(result["value"])
    at, seconds = annotation.get("created_at"), annotation.get("lead_time")
    answer = Answer(
        label=str(values["verdict"][0]["choices"][0]),
        attack_id=next(iter(_texts(values.get("attack", []))), None),
        reasons=tuple(_texts(values.get("reasons", []))),
        regions=tuple(_region(value) for value in values.get("label", [])),
        seconds=None if seconds is None else float(seconds),
    )
    key = annotation.get("unique_id") or f"label-studio-{annotation.get('id', number)}"
    return ExchangedAnswer(
        request_id=request_id,
        reviewer=_person(annotation.get("completed_by")),
        key=str(key),
        answer=answer,
        at=datetime.fromisoformat(at.replace("Z", "+00:00")) if at else None,
    )


def _texts(values: Sequence[Mapping[str, Any]]) -> list[str]:
    texts = [value["text"] for value in values]
    return [str(text) for some in texts for text in ([some] if isinstance(some, str) else some)]


def _region(value: Mapping[str, Any]) -> Region:
    start, end, (label,) = float(value["start"]), float(value["end"]), value["labels"]
    return Region(start, end, str(label), int(value.get("channel") or 0))


def _person(completed_by: Any) -> str:
    """Label Studio names people by e-mail, or by the number of their account."""
    if isinstance(completed_by, Mapping):
        return str(completed_by.get("email") or completed_by["id"])
    if completed_by is None:
        raise ValueError("completed_by is missing")
    return f"label-studio-{completed_by}"
