"""Who is let into the console, and what a request must show to change something."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from flows.places import engine
from flows.servers.console import desk_of, require_tokens_elsewhere
from infra import audit
from infra.access.scopes import Scope
from infra.access.tables import AccessToken, ConsoleSession
from infra.access.tokens import create_token, list_tokens, revoke_token
from infra.database import session
from infra.errors import ConflictError, SettingsError
from infra.settings import settings
from tests.monitoring.console.running import Visitor


def token_of(name: str, *scopes: Scope) -> str:
    return create_token(engine(), name, scopes, "a test")


def test_without_a_token_the_person_at_this_machine_may_do_everything(visitor: Visitor) -> None:
    page = visitor.get("/")
    assert page.status_code == 200
    assert "open to whoever uses this machine" in page.text


def test_with_a_token_nobody_comes_in_without_one(visitor: Visitor) -> None:
    visitor.get("/")  # a session of the time before
    token = token_of("ada", Scope.ADMIN)
    assert visitor.get("/").url.path == "/sign-in"
    assert visitor.sign_in("antiphon_wrong").status_code == 401
    page = visitor.sign_in(token)
    assert page.url.path == "/"
    assert "ada" in page.text
    assert "open to whoever" not in page.text
    assert [row.actor for row in audit.rows(engine()) if row.event == "sign-in"] == ["ada"]


def test_a_token_is_kept_as_a_hash_alone(console: str) -> None:  # noqa: ARG001
    token = token_of("ada", Scope.ADMIN)
    (row,) = list_tokens(engine())
    assert token not in str(vars(row))
    for file in settings().state_dir.glob("antiphon.db*"):
        assert token.encode() not in file.read_bytes()


def test_a_revoked_token_ends_its_sessions(visitor: Visitor) -> None:
    visitor.sign_in(token_of("ada", Scope.ADMIN))
    assert visitor.get("/").url.path == "/"
    revoke_token(engine(), "ada")
    assert visitor.get("/").url.path == "/sign-in"
    with pytest.raises(ConflictError, match="revoked before"):
        revoke_token(engine(), "ada")


@pytest.mark.parametrize("table", [AccessToken, ConsoleSession])
def test_what_has_expired_opens_nothing(
    visitor: Visitor, table: type[AccessToken] | type[ConsoleSession]
) -> None:
    visitor.sign_in(token_of("ada", Scope.ADMIN))
    with session(engine()) as transaction:
        past = datetime.now(UTC) - timedelta(seconds=1)
        transaction.execute(update(table).values(expires_at=past))
    assert visitor.get("/").url.path == "/sign-in"


def test_signing_out_ends_the_session_of_everyone_who_has_the_cookie(visitor: Visitor) -> None:
    visitor.sign_in(token_of("ada", Scope.ADMIN))
    cookies = dict(visitor.client.cookies)
    assert visitor.post("/sign-out").url.path == "/sign-in"
    visitor.client.cookies.update(cookies)
    assert visitor.get("/").url.path == "/sign-in"


def test_a_scope_is_needed_for_an_action(visitor: Visitor) -> None:
    visitor.sign_in(token_of("berta", Scope.REVIEW))
    answer = visitor.post("/loop/pause", reason="no")
    assert answer.status_code == 403
    assert "berta has no scope admin" in answer.text


@pytest.mark.parametrize(
    "headers",
    [{}, {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}],
)
def test_a_form_of_another_site_changes_nothing(visitor: Visitor, headers: dict[str, str]) -> None:
    form = {"csrf": visitor.csrf(), "reason": "no"}
    answer = visitor.client.post("/loop/pause", data=form, headers=headers)
    assert answer.status_code == 403
    assert audit.rows(engine()) == []


@pytest.mark.parametrize("csrf", ["", "0" * 64, "ä"])
def test_a_form_without_the_sessions_token_changes_nothing(visitor: Visitor, csrf: str) -> None:
    visitor.get("/")
    form = {"csrf": csrf, "reason": "no"}
    answer = visitor.client.post("/loop/pause", data=form, headers={"Origin": visitor.address})
    assert answer.status_code == 403
    assert audit.rows(engine()) == []


def test_another_name_of_this_machine_is_refused(visitor: Visitor) -> None:
    answer = visitor.get("/", Host="evil.example")  # a page that had its name point here
    assert answer.status_code == 403


def test_other_machines_are_let_in_with_tokens_only(
    mlflow_state: Path,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ANTIPHON_CONSOLE_HOST", "0.0.0.0")
    desk = desk_of(settings())
    with pytest.raises(SettingsError, match="antiphon token create"):
        require_tokens_elsewhere(desk)
    token_of("ada", Scope.ADMIN)
    require_tokens_elsewhere(desk)


def test_signing_in_leads_to_pages_of_the_console_only(visitor: Visitor) -> None:
    token = token_of("ada", Scope.ADMIN)
    for target in ("https://evil.example/", "//evil.example", "/\\evil.example"):
        answer = visitor.client.post(
            "/sign-in",
            data={"token": token, "to": target},
            headers={"Origin": visitor.address},
            follow_redirects=False,
        )
        assert answer.headers["location"] == "/"


def test_every_answer_forbids_inline_scripts_and_frames(visitor: Visitor) -> None:
    for path in ("/", "/nowhere", "/healthz", "/sign-in"):
        headers = visitor.get(path).headers
        assert "'unsafe" not in headers["content-security-policy"]
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    cookie = visitor.client.get("/", follow_redirects=False).headers.get("set-cookie", "")
    assert cookie == ""  # it has one by now


def test_the_cookie_is_for_this_console_alone(console: str) -> None:
    with Visitor(console) as other:
        cookie = other.get("/").headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert cookie.startswith(f"antiphon_console_{settings().console_port}=")


def test_metrics_of_the_loop_are_read_with_a_token_once_there_is_one(visitor: Visitor) -> None:
    page = visitor.get("/metrics")
    assert page.headers["content-type"].startswith("text/plain")
    assert "\nantiphon_" in page.text
    token = token_of("prometheus", Scope.SCORE)
    assert visitor.get("/metrics").status_code == 401
    assert visitor.get("/metrics", Authorization="Bearer wrong").status_code == 401
    assert visitor.get("/metrics", Authorization=f"Bearer {token}").status_code == 200
