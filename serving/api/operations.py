"""Every operation of the endpoint: the routes and their description are made from this table."""

from __future__ import annotations

from infra.access.scopes import Scope
from serving.answers.schemas import SpeechAnswer
from serving.api import claims, examples, records, scoring
from serving.api.forms import BINARY, FORM, fields_of, form
from serving.api.once import HEADER, USE
from serving.api.operation import Body, Operation
from serving.api.schemas import (
    BatchAnswer,
    ClaimAnswer,
    RequestAnswer,
    ScoreQuery,
)
from serving.explaining.handler import explain
from serving.explaining.schemas import ExplainAnswer, ExplainQuery
from serving.jobs.operations import JOB_OPERATIONS
from serving.schemas import FeedbackAnswer, ModelAnswer, ScoreAnswer
from serving.streams.operations import STREAM_OPERATIONS

RECORDING = form({"audio": BINARY, **fields_of(ScoreQuery)}, ["audio"])
OLD_RECORDING = form(
    {"audio": BINARY, "source": {"type": "string"}, "speaker_id": {"type": "string"}}, ["audio"]
)
RAW = {
    "audio/*": BINARY,
    "application/octet-stream": BINARY,
    "application/ogg": BINARY,
    "video/mp4": BINARY,
    "video/webm": BINARY,
}
BATCH = form(
    {
        "audio": {"type": "array", "items": BINARY, "minItems": 1, "maxItems": scoring.BATCH_FILES},
        **fields_of(ScoreQuery),
    },
    ["audio"],
)
CLAIM = {"$ref": "#/components/schemas/Claim"}
CLAIM_FORM = form(
    {
        "request_id": {"type": "string"},
        "label": {"type": "string", "enum": ["bonafide", "spoof"]},
        "attack_id": {"type": "string"},
        "comment": {"type": "string"},
        "category": {"type": "string", "enum": ["confirmed", "suspected", "test", "other"]},
        "audio": BINARY,
    },
    ["request_id", "label"],
)

SCORE = Operation(
    "POST", "/v1/score", "score", scoring.score, Scope.SCORE,
    "Score one recording",
    SpeechAnswer, examples.SPEECH,
    "Decodes the recording, scores it with the champion, judges it by a policy and logs the "
    "answer: the verdict of the whole, and of each channel with its timeline and segments. The "
    "body is a form with the file field `audio`, or the recording itself with its media type. A "
    "media type without a header in its format (`audio/PCMA`, `audio/PCMU`, `audio/G722`, "
    "`audio/GSM`) says "
    "what the bytes are; `audio/L16; rate=8000; channels=1` is linear, big-endian.",
    query=ScoreQuery,
    body=Body({FORM: RECORDING, **RAW}, "-H 'Content-Type: audio/wav' --data-binary @call.wav"),
    headers={HEADER: USE},
    refusals=(409, 415, 503),
)  # fmt: skip
SCORE_BATCH = Operation(
    "POST", "/v1/score/batch", "score_batch", scoring.score_batch, Scope.SCORE,
    "Score several recordings",
    BatchAnswer, examples.BATCH,
    f"Up to {scoring.BATCH_FILES} file fields `audio` in one form, which together have the size "
    "of one upload. A file that is refused has its status and sentence in its place; the others "
    "are answered.",
    query=ScoreQuery,
    body=Body({FORM: BATCH}, "-F audio=@a.wav -F audio=@b.wav"),
    refusals=(415, 503),
)  # fmt: skip
EXPLAIN = Operation(
    "POST", "/v1/explain", "explain", explain, Scope.SCORE,
    "Which parts of a recording its score depends on",
    ExplainAnswer, examples.EXPLANATION,
    "Scores one window again and again without one tile of its spectrum (occlusion): 45 runs of "
    "the detector, or 117 fine ones. JSON, or a picture with `Accept: image/png`. It is no row of "
    "the score log. `antiphon explain` has more methods.",
    query=ExplainQuery,
    body=Body(
        {FORM: form({"audio": BINARY, **fields_of(ExplainQuery)}, ["audio"]), **RAW},
        "-H 'Accept: image/png' -F audio=@call.wav -o call.png",
    ),
    headers={"Accept": "`image/png` for a picture."},
    refusals=(415, 503), media={"image/png": "a picture"},
)  # fmt: skip
REQUEST = Operation(
    "GET", "/v1/requests/{request_id}", "answered_request", records.answered_request, Scope.SCORE,
    "What was answered to a request",
    RequestAnswer, examples.REQUEST,
    "The row of the score log: the answer, the version whose weights gave it, and what each "
    "window contributed.",
    refusals=(404, 503),
)  # fmt: skip
FEEDBACK = Operation(
    "POST", "/v1/feedback", "feedback", claims.feedback, Scope.FEEDBACK,
    "Report an answer as wrong",
    ClaimAnswer, examples.FEEDBACK,
    "Flags the request for review. If the endpoint did not keep the recording, send the identical "
    "file with the claim, as a form: without it the sample cannot be accepted. The same claim "
    "sent twice is one sample.",
    body=Body(
        {"application/json": CLAIM, FORM: CLAIM_FORM},
        "-H 'Content-Type: application/json' "
        '-d \'{"request_id": "5b8f6f0e-…", "label": "spoof", "category": "confirmed"}\'',
    ),
    headers={HEADER: USE},
    refusals=(404, 409, 503),
)  # fmt: skip
MODEL = Operation(
    "GET", "/v1/model", "model", records.model, Scope.SCORE,
    "The version that serves",
    ModelAnswer, examples.MODEL,
    "The champion, a version that could not be loaded or fetched, and the version in shadow.",
    refusals=(503,),
)  # fmt: skip
OLD = (
    Operation(
        "POST", "/score", "score_form", scoring.score_form, Scope.SCORE,
        "Score one recording, as before there were versions", ScoreAnswer, examples.SCORE,
        "A form only, with its fields.",
        body=Body({FORM: OLD_RECORDING}, "-F audio=@call.wav -F source=hotline"),
        refusals=(503,), old=True,
    ),
    Operation(
        "POST", "/feedback", "feedback_as_before", claims.feedback_as_before, Scope.FEEDBACK,
        "Report an answer as wrong, as before there were versions",
        FeedbackAnswer, examples.FEEDBACK_AS_BEFORE,
        body=Body(
            {"application/json": CLAIM, FORM: CLAIM_FORM},
            "-F request_id=5b8f6f0e-… -F label=bonafide -F audio=@call.wav",
        ),
        refusals=(404, 409, 503), old=True,
    ),
    Operation(
        "GET", "/model", "model_as_before", records.model, Scope.SCORE,
        "The version that serves, as before there were versions", ModelAnswer, examples.MODEL,
        refusals=(503,), old=True,
    ),
)  # fmt: skip
OPERATIONS: tuple[Operation, ...] = (
    SCORE,
    SCORE_BATCH,
    EXPLAIN,
    REQUEST,
    FEEDBACK,
    MODEL,
    *JOB_OPERATIONS,
    *STREAM_OPERATIONS,
    *OLD,
)
