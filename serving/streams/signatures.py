"""Signatures of handshakes: Twilio's X-Twilio-Signature, and HTTP message signatures of Genesys."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Mapping

# Twilio: HMAC-SHA1 of the address under which it knows this endpoint
_SCHEMES = ("wss", "https", "ws", "http")

# Genesys: draft-ietf-httpbis-message-signatures, as AudioHook uses it
COVERED = (
    "@request-target", "@authority", "audiohook-organization-id", "audiohook-session-id",
    "audiohook-correlation-id", "x-api-key",
)  # fmt: skip
OLDEST_S, SKEW_S = 10, 3
_INPUT = re.compile(
    r"(?P<label>[a-z*][a-z0-9_.*-]*)="
    r'(?P<params>\((?P<names>"[^"\\]*"(?: "[^"\\]*")*)\)(?P<rest>(?:;[a-z]+=(?:"[^"\\]*"|\d+))*))'
)
_SIGNATURE = re.compile(r"(?P<label>[a-z*][a-z0-9_.*-]*)=:(?P<value>[A-Za-z0-9+/=]+):")


def is_from_twilio(headers: Mapping[str, str], path: str, auth_token: str) -> bool:
    """Whether the handshake bears Twilio's signature of this address.

    The name and scheme are those that the client or a proxy names: whoever lies about them has no
    signature of the lie.
    """
    sent = headers.get("x-twilio-signature", "")
    hosts = {headers.get(name, "") for name in ("host", "x-forwarded-host")} - {""}
    addresses = [f"{scheme}://{host}{path}" for scheme in _SCHEMES for host in hosts]
    expected = [twilio_signature(address, auth_token) for address in addresses]
    expected += [twilio_signature(address + "/", auth_token) for address in addresses]
    return any([hmac.compare_digest(sent.encode(), value.encode()) for value in expected])


def twilio_signature(address: str, auth_token: str) -> str:
    """The value of X-Twilio-Signature of a request without parameters."""
    digest = hmac.digest(auth_token.encode(), address.encode(), hashlib.sha1)
    return base64.b64encode(digest).decode()


def is_from_genesys(
    headers: Mapping[str, str], target: str, key: bytes, now: float | None = None
) -> bool:
    """Whether the handshake bears a fresh HTTP message signature with this client secret.

    `target` is the path with the query. It must cover what AudioHook's does.
    """
    described = _INPUT.fullmatch(headers.get("signature-input", "").strip())
    signed = _SIGNATURE.fullmatch(headers.get("signature", "").strip())
    if described is None or signed is None or described["label"] != signed["label"]:
        return False
    names = re.findall(r'"([^"]*)"', described["names"])
    facts = dict(re.findall(r';([a-z]+)="?([^";]*)"?', described["rest"]))
    if len(set(names)) != len(names) or not set(COVERED) <= set(names):
        return False
    if facts.get("keyid") != headers.get("x-api-key") or not _is_fresh(facts, now or time.time()):
        return False
    base = _signature_base(names, described["params"], headers, target)
    expected = base64.b64encode(hmac.digest(key, base.encode(), hashlib.sha256))
    return hmac.compare_digest(expected, signed["value"].encode())


def _signature_base(names: list[str], params: str, headers: Mapping[str, str], target: str) -> str:
    derived = {"@request-target": target, "@authority": headers.get("host", "").lower()}
    lines = [f'"{name}": {derived.get(name, headers.get(name, "").strip())}' for name in names]
    return "\n".join([*lines, f'"@signature-params": {params}'])


def _is_fresh(facts: Mapping[str, str], now: float) -> bool:
    created, expires = facts.get("created", ""), facts.get("expires", "")
    if not (created.isdecimal() and (not expires or expires.isdecimal())):
        return False
    if facts.get("alg", "hmac-sha256") != "hmac-sha256" or not facts.get("nonce"):
        return False
    in_time = not expires or now - SKEW_S <= int(expires)
    return in_time and now - OLDEST_S - SKEW_S <= int(created) <= now + SKEW_S
