"""Settings: where things are, told by the environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from dotenv import dotenv_values

from infra.errors import SettingsError
from infra.settings import PREFIX, Settings, settings

EXAMPLE = Path(__file__).parents[2] / ".env.example"


@pytest.fixture(autouse=True)
def _clean_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder without .env, and no ANTIPHON_ variables."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)


def test_everything_embedded_lives_in_the_state_folder(tmp_path: Path) -> None:
    current = settings()
    state = tmp_path / ".antiphon"
    assert current.state_dir == state
    assert current.database_url == f"sqlite:///{state}/antiphon.db"
    assert current.mlflow_tracking_uri == f"sqlite:///{state}/mlflow.db"
    assert current.artifact_root == str(state / "artifacts")
    assert current.dvc_remote == str(state / "dvc-remote")


def test_moving_the_state_folder_moves_what_is_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTIPHON_STATE_DIR", "/srv/antiphon")
    assert settings().object_store == "/srv/antiphon/objects"


def test_the_environment_is_read_at_every_call(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings().endpoint_port == 3000
    monkeypatch.setenv("ANTIPHON_ENDPOINT_PORT", "3100")
    assert settings().endpoint_port == 3100


def test_the_env_file_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("ANTIPHON_EXPERIMENT=file\nANTIPHON_DEVICE=cpu\nOTHER_TOOL=1\n")
    monkeypatch.setenv("ANTIPHON_EXPERIMENT", "environment")
    assert settings().experiment == "environment"
    assert settings().device == "cpu"


def test_the_example_lists_exactly_the_settings() -> None:
    names = {name.removeprefix(PREFIX).lower() for name in dotenv_values(EXAMPLE)}
    assert names == set(Settings.model_fields)


def test_the_example_says_what_happens_without_it() -> None:
    without = settings()
    Path(".env").write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    assert settings() == without


def test_an_unknown_variable_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTIPHON_ENDPIONT_PORT", "3000")
    with pytest.raises(SettingsError, match="no setting named ANTIPHON_ENDPIONT_PORT; known: "):
        settings()


def test_an_unknown_name_in_the_env_file_is_refused_too() -> None:
    Path(".env").write_text("ANTIPHON_TYPO=1\n")
    with pytest.raises(SettingsError, match="ANTIPHON_TYPO"):
        settings()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("ANTIPHON_ENDPOINT_PORT", "70000", "65535"),
        ("ANTIPHON_ENDPOINT_PORT", "door", "integer"),
        ("ANTIPHON_TRAINING_PROCESSES", "0", "auto or a number from 1 on expected"),
        ("ANTIPHON_DEVICE", "tpu", "'auto', 'cpu' or 'cuda'"),
        ("ANTIPHON_OBJECT_STORE", "gs://bucket", "s3://bucket/prefix expected"),
        ("ANTIPHON_OBJECT_STORE", "s3://", "the bucket is missing"),
        ("ANTIPHON_PREFECT_API_URL", "localhost:4200", "http://HOST:PORT"),
        ("ANTIPHON_REGISTERED_MODEL", "a/b", "pattern"),
        ("ANTIPHON_LEASE_S", "0", "greater than 0"),
        ("ANTIPHON_ENDPOINT", "endpoint:3000", "none, or http://HOST:PORT of each replica"),
        ("ANTIPHON_ENDPOINT", "none, http://a:3000", "none, or http://HOST:PORT of each replica"),
    ],
)
def test_a_bad_value_is_refused_in_one_sentence(
    name: str, value: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        settings()
    assert name in str(caught.value)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_secret_is_shown_in_an_error_or_a_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTIPHON_API_TOKEN", "hunter2")
    monkeypatch.setenv("ANTIPHON_DATABASE_URL", "postgresql+psycopg://me:hunter2@host/name")
    assert "hunter2" not in repr(settings())
    monkeypatch.setenv("ANTIPHON_DATABASE_URL", "mysql://me:hunter2@host/name")
    with pytest.raises(SettingsError) as caught:
        settings()
    assert "postgresql+psycopg" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_one_s3_setting_feeds_every_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTIPHON_S3_ENDPOINT_URL", "http://127.0.0.1:9000/")
    monkeypatch.setenv("ANTIPHON_S3_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("ANTIPHON_S3_SECRET_ACCESS_KEY", "secret")
    environment = settings().tool_environment()
    assert environment["AWS_ENDPOINT_URL_S3"] == "http://127.0.0.1:9000"
    assert environment["MLFLOW_S3_ENDPOINT_URL"] == "http://127.0.0.1:9000"
    assert environment["AWS_ACCESS_KEY_ID"] == "key"
    assert environment["AWS_SECRET_ACCESS_KEY"] == "secret"


def test_a_child_in_another_folder_reads_the_same_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ANTIPHON_API_TOKEN", "hunter2")
    mine = settings()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for name, value in mine.environment().items():
        monkeypatch.setenv(name, value)
    assert settings() == mine


@pytest.mark.parametrize(
    ("variables", "addresses"),
    [
        ({}, ("http://127.0.0.1:3000",)),
        ({"_PORT": "3100", "_HOST": "0.0.0.0"}, ("http://127.0.0.1:3100",)),
        ({"_HOST": "::"}, ("http://[::1]:3000",)),
        ({"": "none"}, ()),
        ({"": "http://a:3000/, https://b"}, ("http://a:3000", "https://b")),
    ],
)
def test_the_endpoint_is_where_the_settings_say_or_nowhere(
    variables: dict[str, str], addresses: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"ANTIPHON_ENDPOINT{name}", value)
    assert settings().endpoint_addresses == addresses
