"""Answers as the documents show them; the numbers are made up."""

from __future__ import annotations

from typing import Any

SCORE: dict[str, Any] = {
    "request_id": "5b8f6f0e-3f0c-4c53-9f0b-0f8e9d7b3a11",
    "cm_score": -2.31,
    "spoof_probability": 0.91,
    "verdict": "spoof",
    "threshold": 0.42,
    "model_version": 3,
    "duration_s": 7.5,
    "windows": 3,
}
_JUDGED: dict[str, Any] = {
    "verdict": "spoof",
    "reason": None,
    "cm_score": -2.31,
    "llr": -2.4,
    "spoof_probability": 0.91,
    "duration_s": 7.5,
    "speech_s": 6.1,
    "windows": 3,
}
_WINDOW: dict[str, Any] = {
    "start": 0.0,
    "end": 4.04,
    "speech_s": 3.2,
    "cm_score": -2.1,
    "llr": -2.2,
    "spoof_probability": 0.9,
}
_SEGMENT: dict[str, Any] = {"start": 0.0, "end": 7.5, "verdict": "spoof", "score": -2.31}
SPEECH: dict[str, Any] = {
    "request_id": "5b8f6f0e-3f0c-4c53-9f0b-0f8e9d7b3a11",
    "channel": "mix",
    **_JUDGED,
    "model_version": 3,
    "policy": "default",
    "spoof_below": -0.4,
    "bonafide_from": 0.4,
    "threshold": 0.42,
    "channels": [{"channel": "mix", **_JUDGED, "timeline": [_WINDOW], "segments": [_SEGMENT]}],
}
BATCH: dict[str, Any] = {
    "answered": 1,
    "refused": 1,
    "results": [
        {"name": "a.wav", "status": 200, "answer": SPEECH, "error": None},
        {
            "name": "b.wav",
            "status": 400,
            "answer": None,
            "error": "b.wav: digital silence, no sound in it",
        },
    ],
}
REQUEST: dict[str, Any] = {
    **SCORE,
    "judgement": None,
    "scored_at": "2026-11-21T12:00:00Z",
    "window_scores": {
        "window_s": 4.0,
        "starts_s": [0.0, 2.0, 3.5],
        "cm_scores": [-2.1, -2.6, -2.2],
    },
    "source": "hotline",
    "speaker_id": "customer-4711",
    "audio_sha256": "9f2c4b8d7a6e5f4c3b2a19081726354453627180f0e1d2c3b4a5968778695a4b",
    "audio_kept": True,
    "release": "4be1c0a7d2f3",
}
FEEDBACK_AS_BEFORE: dict[str, Any] = {
    "sample_id": 17,
    "request_id": "5b8f6f0e-3f0c-4c53-9f0b-0f8e9d7b3a11",
    "label": "spoof",
    "audio_kept": True,
}
FEEDBACK: dict[str, Any] = {**FEEDBACK_AS_BEFORE, "category": "confirmed"}
MODEL: dict[str, Any] = {
    "version": 3,
    "detector": "probes",
    "options": {"front": "whisper-base"},
    "window": {
        "samples": 64600,
        "hop": 32300,
        "aggregate": "mean",
        "spectral_subtraction": 0.0,
        "spectral_floor": 0.02,
        "short": "own",
    },
    "runtime": {
        "name": "openvino",
        "chosen_by": "measurement",
        "window_ms": {"onnxruntime": 324.5, "openvino": 198.2},
        "refused": {},
    },
    "sample_rate": 16000,
    "threshold": 0.42,
    "policies": [{"name": "default", "spoof_below": -0.4, "bonafide_from": 0.4}],
    "loaded_at": "2026-11-21T12:00:00Z",
    "manifest_sha256": "41d04b8d7a6e5f4c3b2a19081726354453627180f0e1d2c3b4a5968778695a4b",
    "failed_version": None,
    "failure": None,
    "delayed_version": None,
    "delay": None,
    "challenger": None,
}
JOB: dict[str, Any] = {
    "job_id": "0c1d7a52-7c39-4b0e-9a53-52f3f6f0f0aa",
    "state": "done",
    "made_at": "2026-11-21T12:00:00Z",
    "started_at": "2026-11-21T12:00:01Z",
    "ended_at": "2026-11-21T12:00:09Z",
    "answered": 1,
    "refused": 1,
    "error": None,
    "results": BATCH["results"],
    "next": None,
}
DELETED_JOB: dict[str, Any] = {"job_id": JOB["job_id"], "deleted": True}
EXPLANATION: dict[str, Any] = {
    "model_version": 3,
    "cm_score": -2.6,
    "spoof_probability": 0.93,
    "start_s": 2.0,
    "end_s": 6.04,
    "edges_hz": [0.0, 500.0, 1500.0, 3250.0, 8000.0],
    "edges_s": [2.0, 4.02, 6.04],
    "values": [[0.1, 0.0], [0.4, 0.2], [1.3, 0.9], [-0.2, 0.1]],
    "over_hz": [0.1, 0.7, 2.4, -0.1],
    "over_s": [1.1, 0.8],
}
