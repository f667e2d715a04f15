"""The registry says who the champion is, or that it cannot be reached; never one for the other."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from infra import registry
from infra.errors import AbsentError, ConflictError, UnreachableError
from infra.mlflow_client import connect
from infra.settings import settings
from infra.tracking import open_run


@pytest.fixture
def detector(tmp_path: Path) -> Path:
    folder = tmp_path / "detector"
    folder.mkdir()
    (folder / "manifest.json").write_text('{"detector": "aasist"}')
    (folder / "weights.safetensors").write_bytes(bytes(range(256)) * 40)
    return folder


@pytest.fixture
def win(mlflow_state: Path, detector: Path) -> Callable[[str], int]:
    """Registers a detector for a run with the given key."""
    assert mlflow_state.is_dir()

    def winner(key: str) -> int:
        return registry.register(detector, open_run(key, key, {}), {"cycle": key}).version

    return winner


@pytest.mark.usefixtures("mlflow_state")
def test_an_empty_registry_has_no_champion() -> None:
    assert registry.champion() is None


def test_a_registered_version_is_not_yet_the_champion(win: Callable[[str], int]) -> None:
    number = win("a")
    assert registry.version(number).tags == {"cycle": "a"}
    assert registry.champion() is None


def test_the_same_run_is_the_same_version(win: Callable[[str], int]) -> None:
    assert [win("a"), win("b"), win("a")] == [1, 2, 1]


@pytest.mark.usefixtures("mlflow_state")
def test_a_folder_without_a_manifest_is_not_registered(tmp_path: Path) -> None:
    with pytest.raises(AbsentError, match=r"manifest\.json is missing"):
        registry.register(tmp_path, open_run("a", "a", {}), {})


def test_the_champion_moves_and_the_old_one_is_remembered(win: Callable[[str], int]) -> None:
    first, second = win("a"), win("b")
    registry.set_champion(first, expected=None)
    registry.set_champion(second, expected=first)
    champion = registry.champion()
    assert champion is not None
    assert champion.version == second
    assert registry.rollback().version == first
    assert registry.rollback().version == second


def test_moving_to_where_it_is_already_changes_nothing(win: Callable[[str], int]) -> None:
    first, second = win("a"), win("b")
    registry.set_champion(first, expected=None)
    registry.set_champion(second, expected=first)
    registry.set_champion(second, expected=first)  # a retried step
    assert registry.rollback().version == first


def test_a_champion_moved_by_somebody_else_is_a_conflict(win: Callable[[str], int]) -> None:
    first, second, third = win("a"), win("b"), win("c")
    registry.set_champion(first, expected=None)
    connect(settings()).set_registered_model_alias("antiphon-detector", "champion", str(third))
    with pytest.raises(ConflictError, match="the champion is version 3, version 1 expected"):
        registry.set_champion(second, expected=first)
    with pytest.raises(ConflictError, match="none expected"):
        registry.set_champion(second, expected=None)
    moved = registry.champion()
    assert moved is not None
    assert moved.version == third


def test_of_two_promotions_at_once_one_wins(win: Callable[[str], int]) -> None:
    first, second, third = win("a"), win("b"), win("c")
    registry.set_champion(first, expected=None)
    lost: list[int] = []

    def promote(number: int) -> None:
        try:
            registry.set_champion(number, expected=first)
        except ConflictError:
            lost.append(number)

    threads = [threading.Thread(target=promote, args=(n,)) for n in (second, third)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    champion = registry.champion()
    assert champion is not None
    assert [champion.version, *lost] in ([second, third], [third, second])


def test_there_is_nothing_to_go_back_to_at_first(win: Callable[[str], int]) -> None:
    registry.set_champion(win("a"), expected=None)
    with pytest.raises(AbsentError, match="no version to go back to"):
        registry.rollback()


def test_a_champion_moved_by_hand_to_the_one_before_has_no_way_back(
    win: Callable[[str], int],
) -> None:
    first, second = win("a"), win("b")
    registry.set_champion(first, expected=None)
    registry.set_champion(second, expected=first)
    connect(settings()).set_registered_model_alias("antiphon-detector", "champion", str(first))
    with pytest.raises(AbsentError, match="points at the champion itself, version 1"):
        registry.rollback()


def test_a_rollback_that_is_cut_off_has_gone_back(
    win: Callable[[str], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = win("a"), win("b")
    registry.set_champion(first, expected=None)
    registry.set_champion(second, expected=first)
    client = connect(settings())
    move = type(client).set_registered_model_alias

    def once(self: object, name: str, alias: str, number: str) -> None:
        monkeypatch.setattr(type(client), "set_registered_model_alias", killed)
        move(self, name, alias, number)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(type(client), "set_registered_model_alias", once)
    with pytest.raises(KeyboardInterrupt):
        registry.rollback()
    champion = registry.champion()
    assert champion is not None
    assert champion.version == first


def test_a_deleted_version_is_told_as_that(win: Callable[[str], int], tmp_path: Path) -> None:
    first, second = win("a"), win("b")
    registry.set_champion(first, expected=None)
    registry.set_champion(second, expected=first)
    connect(settings()).delete_model_version("antiphon-detector", str(first))
    with pytest.raises(AbsentError, match="its version was deleted"):
        registry.rollback()
    with pytest.raises(AbsentError, match="no version 1, or it was deleted"):
        registry.fetch(first, tmp_path / "cache")
    with pytest.raises(AbsentError, match="no version 1"):
        registry.set_champion(first, expected=second)
    champion = registry.champion()
    assert champion is not None
    assert champion.version == second


def test_aliases_whose_version_is_gone_are_told_and_do_not_stay(
    win: Callable[[str], int], mlflow_state: Path
) -> None:
    """MLflow drops the alias of a version that it deletes; a restored database may keep it."""
    first, second, third = win("a"), win("b"), win("c")
    registry.set_champion(first, expected=None)
    registry.set_champion(second, expected=first)
    delete_row(mlflow_state, second)
    with pytest.raises(AbsentError, match=f"no version {second}"):
        registry.champion()
    assert registry.rollback().version == first
    assert number_of(registry.champion()) == first
    assert registry.previous() is None, "nothing to go back to"

    registry.set_champion(third, expected=first)
    delete_row(mlflow_state, first)
    with pytest.raises(AbsentError, match=f"no version {first}, or it was deleted"):
        registry.rollback()
    assert number_of(registry.champion()) == third


def delete_row(state: Path, number: int) -> None:
    """Delete a version, and not its aliases."""
    with contextlib.closing(sqlite3.connect(state / "mlflow.db")) as database, database:
        database.execute("DELETE FROM model_versions WHERE version = ?", (number,))


def test_a_database_of_another_mlflow_is_told_as_that(mlflow_state: Path) -> None:
    with contextlib.closing(sqlite3.connect(mlflow_state / "mlflow.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
    with pytest.raises(UnreachableError, match="its schema is ffffffffffff, this MLflow expects"):
        registry.champion()


def test_a_fetched_version_is_what_was_registered(
    win: Callable[[str], int], detector: Path, tmp_path: Path
) -> None:
    fetched = registry.fetch(win("a"), tmp_path / "cache" / "1")
    assert fetched == tmp_path / "cache" / "1"
    for path in detector.iterdir():
        assert (fetched / path.name).read_bytes() == path.read_bytes()
    assert [p.name for p in fetched.parent.iterdir()] == ["1"]


def test_a_version_is_fetched_into_an_empty_folder(
    win: Callable[[str], int], tmp_path: Path
) -> None:
    (tmp_path / "workshop").mkdir()
    assert (registry.fetch(win("a"), tmp_path / "workshop") / "manifest.json").is_file()


def test_a_version_is_fetched_once(
    win: Callable[[str], int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = win("a")
    registry.fetch(number, tmp_path / "cache")
    monkeypatch.setenv("ANTIPHON_MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert registry.fetch(number, tmp_path / "cache") == tmp_path / "cache"


def test_files_that_are_gone_leave_no_half_folder(
    win: Callable[[str], int], tmp_path: Path, mlflow_state: Path
) -> None:
    number = win("a")
    next((mlflow_state / "artifacts").rglob("manifest.json")).unlink()
    with pytest.raises(AbsentError, match="the files of version 1 are not at"):
        registry.fetch(number, tmp_path / "cache" / "1")
    shutil.rmtree(mlflow_state / "artifacts")
    with pytest.raises(UnreachableError, match="cannot be read from"):
        registry.fetch(number, tmp_path / "cache" / "1")
    assert list((tmp_path / "cache").iterdir()) == []


class _NotMlflow(BaseHTTPRequestHandler):
    """Some other web server."""

    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *arguments: object) -> None:
        """Nothing to the terminal."""


@pytest.fixture
def stranger() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _NotMlflow)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("trouble", ["dead port", "stranger", "no database", "folder"])
def test_an_unreachable_registry_never_looks_like_no_champion(
    trouble: str, state: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    if trouble == "dead port":
        uri = "http://127.0.0.1:9"
    elif trouble == "stranger":
        uri = request.getfixturevalue("stranger")
    else:
        uri = f"sqlite:///{state}/broken.db"
    if trouble == "no database":
        (state / "broken.db").write_bytes(b"not a database" * 500)
    if trouble == "folder":
        (state / "broken.db").mkdir()
    monkeypatch.setenv("ANTIPHON_MLFLOW_TRACKING_URI", uri)
    with pytest.raises(UnreachableError, match="cannot be reached") as caught:
        registry.champion()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ask", [registry.champion, registry.challenger])
def test_a_registry_that_breaks_while_in_use_never_looks_like_no_version(
    win: Callable[[str], int], mlflow_state: Path, ask: Callable[[], object]
) -> None:
    registry.set_champion(win("a"), expected=None)
    for path in mlflow_state.glob("mlflow.db*"):
        path.write_bytes(b"\xff" * path.stat().st_size)
    with pytest.raises(UnreachableError, match="cannot be reached"):
        ask()


@pytest.mark.usefixtures("state")
def test_a_password_in_the_address_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    uri = "postgresql+psycopg://me:hunter2@127.0.0.1:9/mlflow"
    monkeypatch.setenv("ANTIPHON_MLFLOW_TRACKING_URI", uri)
    with pytest.raises(UnreachableError, match=r"me:\*\*\*@127") as caught:
        registry.champion()
    assert "hunter2" not in str(caught.value)


def test_a_withdrawn_version_is_no_place_to_roll_back_to(win: Callable[[str], int]) -> None:
    registry.set_champion(win("a"), expected=None)
    registry.set_champion(win("b"), expected=1)
    before = registry.previous()
    registry.set_champion(win("c"), expected=2)
    registry.withdraw(3, champion_before=2, previous_before=before)
    version = registry.champion()
    assert version is not None
    assert version.version == 2
    assert registry.rollback().version == 1


def number_of(version: registry.ModelVersion | None) -> int | None:
    return version.version if version else None


def test_a_challenger_stands_beside_the_champion_it_was_compared_with(
    win: Callable[[str], int],
) -> None:
    registry.set_champion(win("a"), expected=None)
    assert registry.challenger() is None
    assert registry.set_challenger(win("b"), 1, {"verdict": "shadow"}) is None
    version = registry.challenger()
    assert version is not None
    assert (version.version, version.tags["verdict"]) == (2, "shadow")
    assert number_of(registry.champion()) == 1


def test_a_newer_challenger_replaces_the_older_and_tells_which(win: Callable[[str], int]) -> None:
    registry.set_champion(win("a"), expected=None)
    registry.set_challenger(win("b"), 1, {})
    assert registry.set_challenger(2, 1, {}) is None, "a retried step replaces nobody"
    assert registry.set_challenger(win("c"), 1, {}) == 2
    assert number_of(registry.challenger()) == 3


def test_nobody_challenges_a_champion_that_was_not_compared_or_themselves(
    win: Callable[[str], int],
) -> None:
    registry.set_champion(win("a"), expected=None)
    with pytest.raises(ConflictError, match="the champion is version 1, version 9 expected"):
        registry.set_challenger(win("b"), 9, {"verdict": "shadow"})
    with pytest.raises(ConflictError, match="nothing was moved"):
        registry.set_challenger(1, 1, {})
    with pytest.raises(AbsentError, match="no version 7"):
        registry.set_challenger(7, 1, {})
    assert registry.challenger() is None
    assert "verdict" not in registry.version(2).tags


def test_a_challenger_that_becomes_champion_challenges_nobody(win: Callable[[str], int]) -> None:
    registry.set_champion(win("a"), expected=None)
    registry.set_challenger(win("b"), 1, {})
    registry.set_champion(2, expected=1)
    assert (number_of(registry.champion()), registry.challenger()) == (2, None)
    registry.withdraw(2, champion_before=1, previous_before=None)
    assert registry.challenger() is None


def test_another_promotion_leaves_the_challenger_to_whoever_promotes(
    win: Callable[[str], int],
) -> None:
    registry.set_champion(win("a"), expected=None)
    registry.set_challenger(win("b"), 1, {})
    registry.set_champion(win("c"), expected=1)
    assert number_of(registry.challenger()) == 2


def test_a_challenger_is_dropped_once(win: Callable[[str], int]) -> None:
    registry.set_champion(win("a"), expected=None)
    registry.set_challenger(win("b"), 1, {})
    assert not registry.drop_challenger(1)
    assert registry.drop_challenger(2)
    assert not registry.drop_challenger(2)
    registry.tag(2, {"verdict": "dropped"})
    assert registry.version(2).tags["verdict"] == "dropped"
    with pytest.raises(AbsentError, match="no version 9"):
        registry.tag(9, {"verdict": "dropped"})
