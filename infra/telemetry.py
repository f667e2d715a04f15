"""Usage reporting of the tools, off by default; a variable a person has set is left alone."""

from __future__ import annotations

import os

SILENCE = {
    # MLflow wants exactly "true", Prefect's client 1/true/yes, Evidently any value at all
    "DO_NOT_TRACK": "true",
    "DVC_NO_ANALYTICS": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "BENTOML_DO_NOT_TRACK": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}


def silence() -> None:
    """Tell every tool not to report usage; each process calls it before importing any of them."""
    for name, value in SILENCE.items():
        os.environ.setdefault(name, value)
