"""The settings of live streams."""

from __future__ import annotations

import base64
import binascii

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from infra.service_settings.webhooks import WebhookSettings
from infra.webhooks.targets import AllowedTargets, TargetError


class StreamSettings(WebhookSettings):
    """Part of Settings; .env.example describes each."""

    streams_per_worker: int = Field(default=32, ge=0, le=1000)
    stream_idle_s: float = Field(default=10.0, gt=0)
    stream_ahead_s: float = Field(default=30.0, gt=0)
    stream_max_s: float = Field(default=10_800.0, gt=0)
    # its path may be a secret, so repr hides it
    stream_webhook_url: str | None = Field(default=None, repr=False)
    twilio_auth_token: SecretStr | None = None
    audiohook_secret: SecretStr | None = None

    @field_validator("stream_webhook_url")
    @classmethod
    def _listed(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and "webhook_targets" in info.data:
            try:
                AllowedTargets.parse(info.data["webhook_targets"]).target(value)
            except TargetError as error:
                raise ValueError(
                    f"an address of ANTIPHON_WEBHOOK_TARGETS expected: {error}"
                ) from None
        return value

    @field_validator("audiohook_secret")
    @classmethod
    def _base64(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            audiohook_key(value)
        return value


def audiohook_key(secret: SecretStr) -> bytes:
    """The client secret as Genesys shows it; raises ValueError."""
    try:
        key = base64.b64decode(secret.get_secret_value(), validate=True)
    except binascii.Error:
        key = b""
    if not key:
        raise ValueError("the base64 of the client secret expected")
    return key
