"""One recording to the endpoint."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from infra.errors import UnreachableError, reason_of
from infra.settings import Settings
from models.errors import InputError

CONNECT_S, PATIENCE_S = 3.0, 120.0  # ten minutes of speech take the endpoint a while
SOURCE = "console"  # the source of what a person tries, in the score log


@dataclass(frozen=True)
class EndpointAnswer:
    """What the endpoint answers to POST /score."""

    request_id: str
    cm_score: float
    spoof_probability: float
    verdict: str
    threshold: float
    model_version: int
    duration_s: float
    windows: int


def score(here: Settings, recording: bytes, name: str) -> EndpointAnswer:
    """The answer of the first endpoint that can be reached.

    Raises InputError with the endpoint's sentence where it refuses, UnreachableError where none
    answers.
    """
    troubles = []
    token = here.api_token.get_secret_value() if here.api_token else None
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    timeout = httpx.Timeout(PATIENCE_S, connect=CONNECT_S)
    for address in here.endpoint_addresses:
        try:
            response = httpx.post(
                f"{address}/score",
                files={"audio": (name or "recording", recording)},
                data={"source": SOURCE},
                headers=headers,
                timeout=timeout,
            )
        except httpx.HTTPError as error:
            troubles.append(f"{address}: {reason_of(error)}")
            continue
        if response.status_code in (400, 413):
            raise InputError(_sentence(response))
        if response.status_code == 200:
            return _answer(response)
        troubles.append(f"{address}: {_sentence(response)}")
    if not troubles:
        raise UnreachableError("there is no endpoint (ANTIPHON_ENDPOINT=none); set its address")
    raise UnreachableError(
        f"no endpoint can score it now ({'; '.join(troubles)}); `antiphon serve` starts one"
    )


def _answer(response: httpx.Response) -> EndpointAnswer:
    names = EndpointAnswer.__dataclass_fields__
    return EndpointAnswer(**{name: response.json()[name] for name in names})


def _sentence(response: httpx.Response) -> str:
    try:
        return str(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        return f"it answered with status {response.status_code}"
