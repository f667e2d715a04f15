"""The settings of messages to clients' addresses."""

from __future__ import annotations

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

from infra.webhooks.signing import key_of
from infra.webhooks.targets import AllowedTargets


class WebhookSettings(BaseSettings):
    """Part of Settings; .env.example describes each."""

    webhook_secret: SecretStr | None = None
    # paths may be secrets, so repr hides them
    webhook_targets: str = Field(default="", repr=False)

    @field_validator("webhook_secret")
    @classmethod
    def _secrets(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            webhook_keys(value)
        return value

    @field_validator("webhook_targets")
    @classmethod
    def _targets(cls, value: str, info: ValidationInfo) -> str:
        AllowedTargets.parse(value)
        if value and "webhook_secret" in info.data and info.data["webhook_secret"] is None:
            raise ValueError("ANTIPHON_WEBHOOK_SECRET beside it expected")
        return value


def webhook_keys(secrets: SecretStr | None) -> tuple[bytes, ...]:
    """The keys that sign messages: one, or two while one replaces the other."""
    if secrets is None:
        return ()
    return tuple(key_of(secret.strip()) for secret in secrets.get_secret_value().split(","))
