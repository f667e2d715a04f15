"""An identity provider that vouches for people: OpenID Connect, code flow with PKCE.

https://openid.net/specs/openid-connect-core-1_0.html, sections 3.1 and 3.1.3.7; RFC 7636.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from sqlalchemy import Engine

from infra.access.scopes import Person, Scope
from infra.access.tokens import is_name, is_of_a_token
from infra.errors import UnreachableError, reason_of
from infra.settings import Settings
from monitoring.console.errors import Refusal

TIMEOUT_S = 10.0
LEEWAY_S = 60  # between two clocks
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]  # never none, HS256


@dataclass(frozen=True)
class Errand:
    """What a browser takes along to the provider, and must bring back."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def new(cls) -> Errand:
        """One that nobody can guess."""
        return cls(*(secrets.token_urlsafe(48) for _ in range(3)))


def address_at_provider(here: Settings, redirect_uri: str, errand: Errand) -> str:
    """Where the browser goes to sign in. Raises UnreachableError."""
    with _client(here, redirect_uri) as client:
        address, _ = client.create_authorization_url(
            _document(here)["authorization_endpoint"],
            state=errand.state,
            nonce=errand.nonce,
            code_verifier=errand.verifier,
        )
    return str(address)


def person_of_answer(
    here: Settings, engine: Engine, redirect_uri: str, answer: str, errand: Errand
) -> Person:
    """Who came back with an answer, an address with a code.

    Raises UnreachableError, and Refusal where the provider vouches for nobody who may come in.
    """
    claims = _claims(here, redirect_uri, answer, errand)
    name = claims.get(here.oidc_name_claim)
    if not isinstance(name, str) or not is_name(name):
        raise Refusal(403, f"the identity provider gives no usable {here.oidc_name_claim}")
    if here.oidc_name_claim == "email" and claims.get("email_verified") is False:
        raise Refusal(403, f"the identity provider has not verified the address {name}")
    if is_of_a_token(engine, name):
        raise Refusal(403, f"{name} is the name of a token already, sign in with it")
    scopes = _scopes(here, claims)
    if not scopes:
        expected = ", ".join(here.oidc_scope_prefix + scope for scope in Scope)
        raise Refusal(
            403, f"{name}: {here.oidc_scopes_claim} with one of {expected} expected, there is none"
        )
    return Person(name, scopes)


def _claims(here: Settings, redirect_uri: str, answer: str, errand: Errand) -> Mapping[str, Any]:
    document = _document(here)
    try:
        with _client(here, redirect_uri) as client:
            token = client.fetch_token(
                document["token_endpoint"],
                authorization_response=answer,
                state=errand.state,
                code_verifier=errand.verifier,
            )
        keys = KeySet.import_key_set(_get(document["jwks_uri"]))
        claims = jwt.decode(str(token.get("id_token", "")), keys, algorithms=ALGORITHMS).claims
        jwt.JWTClaimsRegistry(
            leeway=LEEWAY_S,
            iss={"essential": True, "value": document["issuer"]},
            aud={"essential": True, "value": str(here.oidc_client_id)},
            nonce={"essential": True, "value": errand.nonce},
            sub={"essential": True},
            exp={"essential": True},
        ).validate(claims)
    except requests.RequestException as error:
        raise UnreachableError(f"{here.oidc_issuer}: {_short(error)}") from error
    except (AuthlibBaseError, JoseError, ValueError) as error:
        raise Refusal(
            403, f"the identity provider's answer was refused: {_short(error)}"
        ) from error
    return claims


def _scopes(here: Settings, claims: Mapping[str, Any]) -> frozenset[Scope]:
    """The scopes that the claim names, each behind the prefix."""
    value = claims.get(here.oidc_scopes_claim, ())
    names = value.split() if isinstance(value, str) else value
    if not isinstance(names, (list, tuple)):
        return frozenset()
    return frozenset(scope for scope in Scope if here.oidc_scope_prefix + scope in names)


def _client(here: Settings, redirect_uri: str) -> OAuth2Session:
    secret = here.oidc_client_secret
    return OAuth2Session(
        here.oidc_client_id,
        secret.get_secret_value() if secret else None,
        token_endpoint_auth_method="client_secret_basic" if secret else "none",
        scope="openid email profile",
        redirect_uri=redirect_uri,
        code_challenge_method="S256",
        default_timeout=TIMEOUT_S,
    )


def _document(here: Settings) -> Mapping[str, Any]:
    """What the provider publishes about itself."""
    document = _get(f"{here.oidc_issuer}/.well-known/openid-configuration")
    needed = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")
    if not isinstance(document, dict) or not all(isinstance(document.get(n), str) for n in needed):
        raise UnreachableError(f"{here.oidc_issuer}: not an OpenID provider, its document is none")
    if document["issuer"].rstrip("/") != here.oidc_issuer:
        raise UnreachableError(
            f"{here.oidc_issuer}: calls itself {document['issuer'][:200]}, set ANTIPHON_OIDC_ISSUER"
        )
    return document


def _get(address: str) -> Any:
    try:
        answer = requests.get(address, timeout=TIMEOUT_S, allow_redirects=False)
        answer.raise_for_status()
        return answer.json()
    except (requests.RequestException, ValueError) as error:
        raise UnreachableError(f"{address}: {_short(error)}") from error


def _short(error: Exception) -> str:
    return re.sub(r"\s+", " ", reason_of(error))[:200]
