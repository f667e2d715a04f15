"""Turns off usage reporting of the tools; variables that are already set are kept."""

from __future__ import annotations

import os

SILENCE = {
    # MLflow needs exactly "true", Prefect's client 1/true/yes, Evidently any value
    "DO_NOT_TRACK": "true",
    "DVC_NO_ANALYTICS": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "BENTOML_DO_NOT_TRACK": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}


def silence() -> None:
    """Turn off usage reporting; each process calls it before it imports a tool."""
    for name, value in SILENCE.items():
        os.environ.setdefault(name, value)
