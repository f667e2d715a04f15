"""A stage ends with the cycle that runs it, even where that was killed."""

from __future__ import annotations

import os
import signal
import sys
import threading

STOPPED = 128  # and the number of a signal: the status of what it ended
LIFELINE = "STAGES_END_WITH_STDIN"  # set by a cycle, whose end closes the standard input


def end_with_the_cycle() -> None:
    """Turn a request to end into SystemExit, and kill the group once the cycle is gone."""
    signal.signal(signal.SIGTERM, end_in_order)
    if os.environ.get(LIFELINE):
        threading.Thread(target=_watch, name="lifeline", daemon=True).start()


def end_in_order(number: int, _: object) -> None:
    """A handler of signals: unwind once, and end with the status that names the signal."""
    signal.signal(number, signal.SIG_IGN)
    sys.exit(STOPPED + number)


def _watch() -> None:
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGKILL)  # DVC and the processes that train together are in it
