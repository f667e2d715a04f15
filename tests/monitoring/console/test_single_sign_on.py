"""Signing in to the console through an OpenID provider."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from flows.places import engine
from infra import audit
from infra.access.scopes import Scope
from infra.access.tokens import create_token
from infra.errors import SettingsError
from infra.settings import settings
from tests.monitoring.console.issuer import CLIENT, SECRET, Issuer, running_issuer
from tests.monitoring.console.running import Visitor, desk_here, running

ADA = {"email": "ada@example.org", "email_verified": True, "groups": ["staff", "antiphon-review"]}


@pytest.fixture(scope="module")
def provider(free_port: Callable[[], int]) -> Iterator[Issuer]:
    with running_issuer(free_port()) as issuer:
        yield issuer


@pytest.fixture
def issuer(provider: Issuer) -> Issuer:
    """A provider that vouches for Ada, a reviewer."""
    provider.claims, provider.wrong, provider.signing_key = dict(ADA), {}, None
    return provider


@pytest.fixture
def visitor(
    state: Path,
    migrated_mlflow: Path,
    issuer: Issuer,
    monkeypatch: pytest.MonkeyPatch,
    free_port: Callable[[], int],
) -> Iterator[Visitor]:
    shutil.copy(migrated_mlflow, state / "mlflow.db")
    monkeypatch.setenv("ANTIPHON_CONSOLE_PORT", str(free_port()))
    monkeypatch.setenv("ANTIPHON_OIDC_ISSUER", issuer.address)
    monkeypatch.setenv("ANTIPHON_OIDC_CLIENT_ID", CLIENT)
    monkeypatch.setenv("ANTIPHON_OIDC_CLIENT_SECRET", SECRET)
    with running(desk_here()) as address, Visitor(address) as someone:
        yield someone


def sign_in_at_provider(visitor: Visitor, to: str = "/samples") -> Any:
    """Follow the button, as a browser does."""
    return visitor.get(f"/sign-in/provider?to={to}")


def test_a_console_with_a_provider_lets_nobody_in_freely(visitor: Visitor) -> None:
    page = visitor.get("/")
    assert page.url.path == "/sign-in"
    assert "Sign in at 127.0.0.1" in page.text


def test_whom_the_provider_vouches_for_comes_in_with_the_scopes_of_their_groups(
    visitor: Visitor,
) -> None:
    page = sign_in_at_provider(visitor)
    assert (page.status_code, page.url.path) == (200, "/samples")
    assert "ada@example.org" in page.text
    refused = visitor.client.post(
        "/loop/cycle",
        data={"csrf": visitor.csrf(), "reason": "why not"},
        headers={"Origin": visitor.address},
    )
    assert refused.status_code == 403
    assert [(row.event, row.actor) for row in audit.rows(engine())] == [
        ("sign-in", "ada@example.org")
    ]


def test_signing_out_ends_a_session_of_the_provider(visitor: Visitor) -> None:
    sign_in_at_provider(visitor)
    visitor.post("/sign-out")
    assert visitor.get("/samples").url.path == "/sign-in"


@pytest.mark.parametrize(
    ("claims", "sentence"),
    [
        ({"groups": ["staff"]}, "ada@example.org: groups with one of antiphon-score"),
        ({"groups": None}, "groups with one of"),
        ({"email": None}, "gives no usable email"),
        ({"email": "ada <script>"}, "gives no usable email"),
        ({"email_verified": False}, "has not verified the address ada@example.org"),
    ],
)
def test_whom_nothing_lets_in_is_told_why(
    visitor: Visitor, issuer: Issuer, claims: dict[str, Any], sentence: str
) -> None:
    issuer.claims |= claims
    page = sign_in_at_provider(visitor)
    assert page.status_code == 403
    assert sentence in page.text
    assert visitor.get("/samples").url.path == "/sign-in"


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://elsewhere.example.org"},
        {"aud": "another client"},
        {"nonce": "of another sign-in"},
        {"exp": int(datetime(2020, 1, 1, tzinfo=UTC).timestamp())},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_token_for_somebody_else_is_refused(
    visitor: Visitor, issuer: Issuer, wrong: dict[str, Any]
) -> None:
    issuer.wrong = wrong
    page = sign_in_at_provider(visitor)
    assert page.status_code == 403
    assert "answer was refused" in page.text


def test_a_signature_by_another_key_is_refused(visitor: Visitor, issuer: Issuer) -> None:
    issuer.signing_key = RSAKey.generate_key(2048)
    assert sign_in_at_provider(visitor).status_code == 403


def test_an_answer_that_this_browser_did_not_ask_for_is_refused(visitor: Visitor) -> None:
    strange = visitor.get("/sign-in/back?code=code-0&state=mine")
    assert strange.status_code == 403
    assert "has begun no sign-in" in strange.text
    visitor.client.get("/sign-in/provider", follow_redirects=False)
    assert "belongs to another sign-in" in visitor.get("/sign-in/back?code=c&state=x").text


def test_nobody_takes_the_name_of_a_token(visitor: Visitor) -> None:
    create_token(engine(), "ada@example.org", [Scope.ADMIN], "a test")
    page = sign_in_at_provider(visitor)
    assert page.status_code == 403
    assert "is the name of a token already" in page.text


def test_nobody_is_led_to_another_site(visitor: Visitor) -> None:
    page = sign_in_at_provider(visitor, to="//elsewhere.example.org/")
    assert str(page.url) == f"{visitor.address}/"


def test_a_provider_that_is_away_is_named(
    visitor: Visitor,  # noqa: ARG001  sets the client
    monkeypatch: pytest.MonkeyPatch,
    free_port: Callable[[], int],
) -> None:
    monkeypatch.setenv("ANTIPHON_OIDC_ISSUER", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("ANTIPHON_CONSOLE_PORT", str(free_port()))
    with running(desk_here()) as address, Visitor(address) as someone:
        page = someone.get("/sign-in/provider")
    assert page.status_code == 503
    assert settings().oidc_issuer in page.text


@pytest.mark.parametrize(
    ("value", "sentence"),
    [("http://login.example.org", "https"), ("https://login.example.org", "OIDC_CLIENT_ID")],
)
def test_a_provider_that_cannot_be_trusted_is_refused_at_the_start(
    own_environment: None,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
    value: str,
    sentence: str,
) -> None:
    monkeypatch.setenv("ANTIPHON_OIDC_ISSUER", value)
    with pytest.raises(SettingsError, match=sentence):
        settings()
