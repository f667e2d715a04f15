"""Who acts, for the audit log."""

from __future__ import annotations

import getpass
import os
import socket


def person() -> str:
    """The account and machine that this process runs as: `ada@worker-0`."""
    try:
        account = getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        account = f"uid {os.getuid()}"
    return f"{account}@{socket.gethostname()}"
