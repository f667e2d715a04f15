"""The settings of the endpoint: who may call it, how often, and how much one request may take."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings


class EndpointSettings(BaseSettings):
    """Part of Settings; .env.example describes each."""

    api_token: SecretStr | None = None
    rate_limit: int = Field(default=0, ge=0)  # requests a minute and token; 0: none
    public_docs: bool = False
    public_metrics: bool = False
    drain_s: float = Field(default=0.0, ge=0, le=20)  # BentoML kills a worker after 30 s
    max_upload_bytes: int = Field(default=32 * 1024 * 1024, ge=1024)
    job_max_bytes: int = Field(default=128 * 1024 * 1024, ge=1024)
    upload_idle_s: float = Field(default=10.0, gt=0)
    upload_timeout_s: float = Field(default=120.0, gt=0)
    max_audio_s: float = Field(default=600.0, gt=0)
    audio_retention_days: int = Field(default=30, ge=0)
    follow_interval_s: float = Field(default=2.0, gt=0)
    endpoint_workers: int = Field(default=1, ge=1)
    # of one worker; 0: the worker's share of the cores
    endpoint_threads: int = Field(default=0, ge=0)
    endpoint_batch: int = Field(default=1, ge=1)  # windows; more is no faster on a CPU
    endpoint_runtime: Literal["auto", "onnxruntime", "openvino"] = "auto"
