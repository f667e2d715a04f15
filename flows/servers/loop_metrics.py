"""The metrics of the loop on a port: `python -m flows.servers.loop_metrics PORT [HOST]`."""

from __future__ import annotations

import sys

import uvicorn

from flows.places import current_params, engine
from monitoring.loop_metrics import loop_metrics

if __name__ == "__main__":
    port, host = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1"
    app = loop_metrics(engine, current_params)
    uvicorn.run(app, host=host, port=int(port), lifespan="off", log_level="warning")
