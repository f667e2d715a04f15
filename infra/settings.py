"""Settings: addresses and secrets, as ANTIPHON_… variables or the same names in .env.

Numbers that can change a score or a decision are in params.yaml instead.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from dotenv import dotenv_values
from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsConfigDict

from infra.alert_settings import AlertSettings
from infra.errors import SettingsError
from infra.service_settings.endpoint import EndpointSettings
from infra.service_settings.login import LoginSettings
from infra.service_settings.streams import StreamSettings

PREFIX = "ANTIPHON_"
ENV_FILE = Path(".env")
NO_ENDPOINT = "none"  # the value of `endpoint` where versions are registered and none is served
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # where a server listens: where it answers


def _address(host: str, port: int) -> str:
    host = _ANY_ADDRESS.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _folder(value: Path) -> Path:
    return value.expanduser().absolute()


def _state_folder(value: Path) -> Path:
    if "?" in str(_folder(value)):  # the URL of a SQLite database ends there
        raise ValueError("a path without a question mark expected")
    return _folder(value)


def _folder_or_bucket(value: str) -> str:
    if not value.startswith("s3://"):
        if "://" in value:
            raise ValueError("a folder or s3://bucket/prefix expected")
        return str(_folder(Path(value)))
    if not value.removeprefix("s3://").strip("/"):
        raise ValueError("s3://bucket/prefix expected, the bucket is missing")
    return value.rstrip("/")


def _processes(value: str) -> str:
    if value != "auto" and not (value.isdigit() and int(value) > 0):
        raise ValueError("auto or a number from 1 on expected")
    return value


def _database(value: str) -> str:
    if not value.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ValueError("sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME expected")
    return value


def _tracking(value: str) -> str:
    if not value.startswith(("http://", "https://", "sqlite:///", "postgresql+psycopg://")):
        raise ValueError("http(s)://HOST:PORT, sqlite:///FILE or postgresql+psycopg://… expected")
    return value.rstrip("/")


def _web(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("http://HOST:PORT or https://… expected")
    return value.rstrip("/")


def _endpoint(value: str) -> str:
    addresses = [address.strip() for address in value.split(",") if address.strip()]
    if addresses in ([], [NO_ENDPOINT]):
        return "".join(addresses)
    if not all(address.startswith(("http://", "https://")) for address in addresses):
        raise ValueError("none, or http://HOST:PORT of each replica, comma-separated, expected")
    return ",".join(address.rstrip("/") for address in addresses)


Folder = Annotated[Path, AfterValidator(_folder)]
StateFolder = Annotated[Path, AfterValidator(_state_folder)]
FolderOrBucket = Annotated[str, AfterValidator(_folder_or_bucket)]
DatabaseUrl = Annotated[str, AfterValidator(_database)]
TrackingUri = Annotated[str, AfterValidator(_tracking)]
WebAddress = Annotated[str, AfterValidator(_web)]
Endpoint = Annotated[str, AfterValidator(_endpoint)]
Processes = Annotated[str, AfterValidator(_processes)]
Port = Annotated[int, Field(ge=1, le=65_535)]


def _inside_state(name: str) -> Any:
    return Field(default_factory=lambda data: str(data["state_dir"] / name))


def _sqlite_inside_state(name: str) -> Any:
    # it may contain a password, so repr hides it
    return Field(default_factory=lambda data: f"sqlite:///{data['state_dir'] / name}", repr=False)


class Settings(AlertSettings, EndpointSettings, LoginSettings, StreamSettings):
    """All settings; .env.example describes each."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=ENV_FILE,
        env_ignore_empty=True,
        extra="ignore",  # .env may hold other tools' names; settings() checks the ANTIPHON_ names
        frozen=True,
        validate_default=True,
    )

    state_dir: StateFolder = Path(".antiphon")
    params_file: Folder = Path("params.yaml")
    database_url: DatabaseUrl = _sqlite_inside_state("antiphon.db")

    mlflow_tracking_uri: TrackingUri = _sqlite_inside_state("mlflow.db")
    artifact_root: FolderOrBucket = _inside_state("artifacts")
    experiment: str = Field(default="antiphon", min_length=1)
    registered_model: str = Field(default="antiphon-detector", min_length=1, pattern=r"^[^/:]+$")

    object_store: FolderOrBucket = _inside_state("objects")
    dvc_remote: FolderOrBucket = _inside_state("dvc-remote")
    s3_endpoint_url: WebAddress | None = None
    s3_access_key_id: SecretStr | None = None
    s3_secret_access_key: SecretStr | None = None
    s3_region: str = "us-east-1"

    signing_key_file: Folder = _inside_state("signing/key.pem")
    trusted_keys: Folder | None = None

    endpoint: Endpoint = ""  # empty: the one at endpoint_host and endpoint_port
    endpoint_host: str = "127.0.0.1"
    endpoint_port: Port = 3000
    mlflow_host: str = "127.0.0.1"
    mlflow_port: Port = 5000
    prefect_host: str = "127.0.0.1"
    prefect_port: Port = 4200
    evidently_host: str = "127.0.0.1"
    evidently_port: Port = 8000
    console_host: str = "127.0.0.1"
    console_port: Port = 8080
    console_session_h: float = Field(default=12.0, gt=0)

    prefect_api_url: WebAddress | None = None

    rollout_timeout_s: float = Field(default=120.0, gt=0)
    retraining_cron: str = "0 3 * * 1"
    retraining_force: bool = False  # whether the schedule's cycles run if nothing has changed
    monitoring_interval_min: float = Field(default=10.0, gt=0)

    device: Literal["auto", "cpu", "cuda"] = "auto"
    training_processes: Processes = "1"
    lease_s: float = Field(default=300.0, gt=0)

    @property
    def endpoint_addresses(self) -> tuple[str, ...]:
        """The addresses at which the endpoint answers; empty where there is none."""
        if self.endpoint:
            return () if self.endpoint == NO_ENDPOINT else tuple(self.endpoint.split(","))
        return (_address(self.endpoint_host, self.endpoint_port),)

    @property
    def console_address(self) -> str:
        """Where a browser on this machine opens the console."""
        return _address(self.console_host, self.console_port)

    def tool_environment(self) -> dict[str, str]:
        """The variables that point boto3, MLflow, DVC and their children to the same S3."""
        variables = {
            "AWS_ACCESS_KEY_ID": _revealed(self.s3_access_key_id),
            "AWS_SECRET_ACCESS_KEY": _revealed(self.s3_secret_access_key),
            "AWS_DEFAULT_REGION": self.s3_region,
            "AWS_ENDPOINT_URL_S3": self.s3_endpoint_url,
            "MLFLOW_S3_ENDPOINT_URL": self.s3_endpoint_url,
        }
        return {name: value for name, value in variables.items() if value}

    def environment(self) -> dict[str, str]:
        """These settings as variables for a child process in any folder."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return {
            f"{PREFIX}{name.upper()}": _revealed(value) or ""
            for name, value in values.items()
            if value is not None
        }


def settings() -> Settings:
    """Read the environment and .env now; raises SettingsError that names the wrong setting."""
    _refuse_unknown()
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError("; ".join(_sentence(e) for e in error.errors())) from None


def _refuse_unknown() -> None:
    names = {*os.environ, *dotenv_values(ENV_FILE)}
    allowed = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    unknown = sorted(n for n in names if n.upper().startswith(PREFIX) and n.upper() not in allowed)
    if unknown:
        raise SettingsError(
            f"no setting named {', '.join(unknown)}; known: {', '.join(sorted(allowed))}"
        )


def _sentence(error: ErrorDetails) -> str:
    name = str(error["loc"][0])
    expected = error["msg"].removeprefix("Value error, ")
    value = "" if _is_secret(name) else f", found {error['input']!r}"
    return f"{PREFIX}{name.upper()}: {expected}{value}"


def _is_secret(name: str) -> bool:
    field = Settings.model_fields[name]
    return "SecretStr" in str(field.annotation) or not field.repr


def _revealed(value: object) -> str | None:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return None if value is None else str(value)
