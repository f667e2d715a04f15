"""How a message is signed: https://www.standardwebhooks.com.

    webhook-id         the id of the message; the same at every attempt
    webhook-timestamp  seconds since 1970, of the attempt
    webhook-signature  v1,BASE64 of the HMAC-SHA256 of id.timestamp.body

With two keys, while one replaces the other, there are two signatures, with a space between them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Sequence

SECRET_PREFIX = "whsec_"
SECRET_BYTES = (24, 64)  # Standard Webhooks


def signature(key: bytes, message: str, timestamp: str, body: bytes) -> str:
    """One signature, as in `webhook-signature`."""
    signed = b".".join((message.encode(), timestamp.encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def signed_headers(keys: Sequence[bytes], message: str, body: bytes) -> dict[str, str]:
    """The headers of an attempt that is made now."""
    timestamp = str(int(time.time()))
    return {
        "content-type": "application/json",
        "webhook-id": message,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signature(key, message, timestamp, body) for key in keys),
    }


def key_of(secret: str) -> bytes:
    """The key of a secret whsec_…; raises ValueError with what is expected."""
    lowest, highest = SECRET_BYTES
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not secret.startswith(SECRET_PREFIX) or not lowest <= len(key) <= highest:
        raise ValueError(f"{SECRET_PREFIX} and the base64 of {lowest} to {highest} bytes expected")
    return key
