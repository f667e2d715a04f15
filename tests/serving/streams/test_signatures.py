"""Handshakes of Twilio and Genesys, against the examples that both have published."""

from __future__ import annotations

import base64

import pytest

from serving.streams.signatures import is_from_genesys, is_from_twilio, twilio_signature

KEY = base64.b64decode("TXlTdXBlclNlY3JldEtleVRlbGxOby0xITJAMyM0JDU=")
TARGET, AT = "/api/v1/voicebiometrics/ws", 1_641_013_203.0
HEADERS = {
    "host": "audiohook.example.com",
    "audiohook-organization-id": "d7934305-0972-4844-938e-9060eef73d05",
    "audiohook-session-id": "30b0e395-84d3-4570-ac13-9a62d8f514c0",
    "audiohook-correlation-id": "e160e428-53e2-487c-977d-96989bf5c99d",
    "x-api-key": "SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh",
    "signature": "sig1=:NZBwyBHRRyRoeLqy1IzOa9VYBuI8TgMFt2GRDkDuJh4=:",
    "signature-input": 'sig1=("@request-target" "@authority" "audiohook-organization-id" '
    '"audiohook-session-id" "audiohook-correlation-id" "x-api-key");'
    'keyid="SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh";nonce="VGhpc0lzQVVuaXF1ZU5vbmNl";'
    'alg="hmac-sha256";created=1641013200;expires=3282026430',
}  # the example of AudioHook's documentation


def test_the_signature_of_genesys_own_example_is_right() -> None:
    assert is_from_genesys(HEADERS, TARGET, KEY, AT)


@pytest.mark.parametrize(
    "changed",
    [
        {"host": "other.example.com"},
        {"audiohook-session-id": "30b0e395-84d3-4570-ac13-9a62d8f514c1"},
        {"x-api-key": "another"},
        {"signature": "sig1=:AAAAyBHRRyRoeLqy1IzOa9VYBuI8TgMFt2GRDkDuJh4=:"},
        {"signature": ""},
        {"signature-input": HEADERS["signature-input"].replace('"x-api-key")', '"host")')},
        {"signature-input": HEADERS["signature-input"].replace("sig1", "sig2")},
        {"signature-input": HEADERS["signature-input"].replace("created=", "created=9")},
        {"signature-input": "sig1=("},
    ],
)
def test_a_handshake_that_was_changed_is_not_from_genesys(changed: dict[str, str]) -> None:
    assert not is_from_genesys({**HEADERS, **changed}, TARGET, KEY, AT)


def test_a_signature_is_of_one_address_one_secret_and_ten_seconds() -> None:
    assert not is_from_genesys(HEADERS, "/elsewhere", KEY, AT)
    assert not is_from_genesys(HEADERS, TARGET, KEY[:-1], AT)
    assert not is_from_genesys(HEADERS, TARGET, KEY, AT + 60)
    assert not is_from_genesys(HEADERS, TARGET, KEY, AT - 60)


def test_the_signature_of_twilio_s_own_example_is_right() -> None:
    signed = (
        "https://mycompany.com/myapp.php?foo=1&bar=2CallSidCA1234567890ABCDECaller+12349013030"
        "Digits1234From+12349013030To+18005551212"
    )
    assert twilio_signature(signed, "12345") == "0/KCTR6DLpKmkAf8muzZqo1nDgQ="


@pytest.mark.parametrize("address", ["wss://calls.example.org/v1/stream/twilio",
                                     "https://calls.example.org/v1/stream/twilio/"])  # fmt: skip
def test_twilio_signs_the_address_that_it_was_told(address: str) -> None:
    headers = {"host": "10.0.0.7:3000", "x-forwarded-host": "calls.example.org"}
    signed = {**headers, "x-twilio-signature": twilio_signature(address, "12345")}
    assert is_from_twilio(signed, "/v1/stream/twilio", "12345")
    assert not is_from_twilio(signed, "/v1/stream/twilio", "12346")
    assert not is_from_twilio(signed, "/v1/stream", "12345")
    assert not is_from_twilio(headers, "/v1/stream/twilio", "12345")
