"""No proxy of the environment for this machine and the platform's own servers.

What a proxy says of them is no answer of theirs. MLflow, Prefect, DVC and boto3 read the same
variables: everything else, such as S3 or a remote MLflow, goes through the proxy, unless NO_PROXY
names it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from infra.settings import Settings

THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
_NAMES = ("no_proxy", "NO_PROXY")  # tools read one of both, or the first
_ANY = ("0.0.0.0", "::")


def bypass_proxies(here: Settings | None = None) -> None:
    """Add this machine, and the servers of `antiphon up`, to NO_PROXY, for children too."""
    wanted = [*THIS_MACHINE, *(_hosts(here) if here else ())]
    before = ",".join(os.environ.get(variable, "") for variable in _NAMES).split(",")
    names = ",".join(dict.fromkeys(filter(None, map(str.strip, (*before, *wanted)))))
    os.environ.update(dict.fromkeys(_NAMES, names))


def _hosts(here: Settings) -> Iterable[str]:
    names = ("endpoint", "mlflow", "prefect", "evidently", "console")
    hosts = (getattr(here, f"{name}_host") for name in names)
    return (host for host in hosts if host not in _ANY)
