"""What each replica of the endpoint says of its model.

A name that has several IP addresses, such as that of a headless Kubernetes service, is several
replicas; a load balancer hides its own behind one address, so name them instead.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import httpx

from infra.errors import reason_of
from infra.settings import Settings

PATIENCE_S = 10.0  # for one answer
AT_ONCE = 16


@dataclass(frozen=True)
class Replica:
    """One IP address of the endpoint."""

    url: str
    host: str  # the name that was resolved, for the Host header and TLS


@dataclass(frozen=True)
class ReplicaAnswer:
    """What a replica says, or why it says nothing."""

    url: str
    model: Mapping[str, Any]  # GET /model; empty where that failed
    trouble: str = ""  # why it failed

    @property
    def version(self) -> int | None:
        """The version that it serves."""
        return self.model.get("version")

    @property
    def is_endpoint(self) -> bool:
        """Whether it is an endpoint that answers, be it that no version has been loaded yet."""
        return not self.trouble

    def refuses(self, version: int) -> bool:
        """Whether it has the files of a version and cannot serve them."""
        return bool(self.model.get("failed_version") == version)

    def sentence(self, version: int) -> str:
        """Why it does not serve a version."""
        if self.trouble:
            return f"{self.url}: {self.trouble}"
        if self.refuses(version):
            return f"{self.url}: {self.model.get('failure')}"
        if self.model.get("delayed_version") == version:
            return f"{self.url}: {self.model.get('delay')}"
        now = "no version" if self.version is None else f"version {self.version}"
        return f"{self.url}: it answers with {now}"


def ask_all(here: Settings) -> list[ReplicaAnswer]:
    """An answer of each replica; empty where there is no endpoint."""
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        answers = pool.map(lambda address: _ask_address(address, here), here.endpoint_addresses)
        return [answer for several in answers for answer in several]


def _ask_address(address: str, here: Settings) -> list[ReplicaAnswer]:
    """Of every IP address of one family: a name may have an IPv6 address where nothing listens."""
    try:
        families = _resolve(address)
    except (OSError, UnicodeError, httpx.InvalidURL) as error:
        return [ReplicaAnswer(address, {}, f"the name does not resolve ({error})")]
    several = [[_ask(replica, here) for replica in family] for family in families]
    return max(several, key=lambda answers: all(answer.is_endpoint for answer in answers))


def _resolve(address: str) -> list[list[Replica]]:
    """The replicas behind an address, by IP family."""
    url = httpx.URL(address)
    port = url.port or {"https": 443}.get(url.scheme, 80)
    entries = socket.getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
    places = sorted({(family.value, str(place[0])) for family, _, _, _, place in entries})
    return [
        [Replica(str(url.copy_with(host=ip, port=port)), url.host) for _, ip in group]
        for _, group in groupby(places, key=lambda place: place[0])
    ]


def _ask(replica: Replica, here: Settings) -> ReplicaAnswer:
    """GET /model, past any proxy: what a proxy says is not what the endpoint says."""
    token = here.api_token
    headers = {"Host": _host_header(replica)}
    if token:
        headers["Authorization"] = f"Bearer {token.get_secret_value()}"
    try:
        with httpx.Client(trust_env=False, timeout=PATIENCE_S) as client:
            request = client.build_request(
                "GET",
                f"{replica.url.rstrip('/')}/model",
                headers=headers,
                extensions={"sni_hostname": replica.host},
            )
            answer = client.send(request)
        if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE and "error" in answer.json():
            return ReplicaAnswer(replica.url, {})  # no version has been loaded yet
        document = answer.raise_for_status().json()
    except (httpx.HTTPError, ValueError, OSError) as error:
        return ReplicaAnswer(replica.url, {}, f"GET /model: {reason_of(error)}")
    if not isinstance(document, dict):
        return ReplicaAnswer(replica.url, {}, "GET /model: a JSON object expected")
    return ReplicaAnswer(replica.url, document)


def _host_header(replica: Replica) -> str:
    port = httpx.URL(replica.url).port
    host = f"[{replica.host}]" if ":" in replica.host else replica.host
    return host if port is None else f"{host}:{port}"
