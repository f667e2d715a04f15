"""What answers a request needs no torch in its process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from serving.cache import ChampionCache

ROOT = Path(__file__).parents[2]
REGISTRY = "http://127.0.0.1:1"  # nobody listens there: the cached champion answers

SCRIPT = """
import asyncio, sys, time
from pathlib import Path

import httpx
from serving.service import app

async def main():
    recording = Path(sys.argv[1]).read_bytes()
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app):
        async with httpx.AsyncClient(transport=transport, base_url="http://endpoint") as client:
            until = time.monotonic() + 60
            while (await client.get("/model")).status_code == 503 and time.monotonic() < until:
                await asyncio.sleep(0.1)
            answer = await client.post("/score", files={"audio": ("a.wav", recording)})
            assert answer.status_code == 200, answer.text
            claim = {"request_id": answer.json()["request_id"], "label": "spoof"}
            assert (await client.post("/feedback", json=claim)).status_code == 200

asyncio.run(main())
assert "mlflow" in sys.modules, "the registry was asked"
print(sorted({"torch", "torchaudio", "sklearn", "matplotlib", "prefect"} & set(sys.modules)))
"""


def test_answering_a_request_imports_no_torch(
    tmp_path: Path, versions: dict[int, Path], recording: bytes
) -> None:
    state = tmp_path / "state"
    cache = ChampionCache(state / "serving", f"antiphon-detector at {REGISTRY}")
    cache.remember(1, cache.place(1, "runs/a", lambda into: _copy(versions[1], into)))
    (tmp_path / "a.wav").write_bytes(recording)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "ANTIPHON_STATE_DIR": str(state),
        "ANTIPHON_MLFLOW_TRACKING_URI": REGISTRY,
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "a.wav")],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def _copy(folder: Path, into: Path) -> Path:
    import shutil

    return Path(shutil.copytree(folder, into / "detector"))
