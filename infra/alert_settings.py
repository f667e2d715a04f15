"""The settings of alerts: where they go, and when silence is one."""

from __future__ import annotations

from email.utils import parseaddr
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

from infra.webhooks.signing import key_of


class AlertSettings(BaseSettings):
    """Part of Settings; .env.example describes each."""

    alert_webhook_secret: SecretStr | None = None
    # its path may be a secret, so repr hides it
    alert_webhook_url: str | None = Field(default=None, repr=False)
    smtp_host: str | None = None
    smtp_port: int = Field(default=587, ge=1, le=65_535)
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    alert_email_from: str | None = None
    alert_email_to: str | None = None
    alert_silence_h: float = Field(default=2.0, gt=0)

    @field_validator("alert_webhook_secret")
    @classmethod
    def _secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            key_of(value.get_secret_value())
        return value

    @field_validator("alert_webhook_url")
    @classmethod
    def _url(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise ValueError("https://HOST/PATH or http://… without a user name expected")
        if "alert_webhook_secret" in info.data and info.data["alert_webhook_secret"] is None:
            raise ValueError("ANTIPHON_ALERT_WEBHOOK_SECRET beside it expected")
        return value

    @field_validator("alert_email_to")
    @classmethod
    def _recipients(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            return None
        for name in ("smtp_host", "alert_email_from"):
            if name in info.data and info.data[name] is None:
                raise ValueError(f"ANTIPHON_{name.upper()} beside it expected")
        return ",".join(map(_address, value.split(",")))

    @field_validator("alert_email_from")
    @classmethod
    def _sender(cls, value: str | None) -> str | None:
        return None if value is None else _address(value)


def _address(text: str) -> str:
    address = parseaddr(text)[1]
    if address != text.strip() or address.count("@") != 1 or not all(address.split("@")):
        raise ValueError("addresses such as ada@example.org, comma-separated, expected")
    return address
