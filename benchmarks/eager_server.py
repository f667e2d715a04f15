"""What a first version of an endpoint looks like: FastAPI, one process, the detector in torch.

    python -m benchmarks.eager_server DETECTOR_FOLDER PORT

`benchmarks.endpoint_against_eager` compares the endpoint with it.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Annotated

import soundfile
import torch
import uvicorn
from fastapi import FastAPI, File, UploadFile

from models.audio.windows import aggregate, cut_windows
from models.files.manifest import read_manifest
from models.packaging.checkpoint import load_detector


def make_app(folder: Path) -> FastAPI:
    """POST /score, and nothing else: neither limits nor a log."""
    app = FastAPI()
    detector, window = load_detector(folder), read_manifest(folder).window

    @app.get("/readyz")
    def ready() -> str:
        return "ok"

    @app.post("/score")
    def score(audio: Annotated[UploadFile, File()]) -> dict[str, float]:
        waveform, _ = soundfile.read(io.BytesIO(audio.file.read()), dtype="float32")
        windows = torch.from_numpy(cut_windows(waveform, window))
        with torch.inference_mode():
            _, logits = detector.analyse(windows)
        scores = (logits[:, 1] - logits[:, 0]).numpy()
        return {"cm_score": aggregate(scores, window)}

    return app


if __name__ == "__main__":
    port = int(sys.argv[2])
    uvicorn.run(make_app(Path(sys.argv[1])), host="127.0.0.1", port=port, log_level="warning")
