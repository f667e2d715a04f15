"""The settings of signing in to the console through an identity provider (OpenID Connect)."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class LoginSettings(BaseSettings):
    """Part of Settings; .env.example describes each."""

    console_public_url: str | None = None
    oidc_issuer: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None
    oidc_name_claim: str = Field(default="email", min_length=1)
    oidc_scopes_claim: str = Field(default="groups", min_length=1)
    oidc_scope_prefix: str = "antiphon-"

    @field_validator("console_public_url", "oidc_issuer")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        is_safe = parts.scheme == "https" or (
            parts.scheme == "http" and parts.hostname in _LOOPBACK
        )
        if not is_safe or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("an https address expected, or an http one of this machine")
        return value.rstrip("/")

    @field_validator("oidc_client_id")
    @classmethod
    def _client(cls, value: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("oidc_issuer") is not None and not value:
            raise ValueError("the console's name at ANTIPHON_OIDC_ISSUER expected")
        return value
