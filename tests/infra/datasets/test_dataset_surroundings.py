"""The dataset registry beside a person's configuration, left-over locks and odd corpora."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

import pytest

from infra.datasets.registry import DatasetRegistry
from infra.machine.commands import CommandError, dvc, git
from infra.machine.disk import disk_sentence

pytestmark = pytest.mark.slow

GIT_CONFIG = """
[commit]
    gpgsign = true
[gpg]
    program = /bin/false
[core]
    hooksPath = {hooks}
    excludesFile = {home}/ignored
[init]
    defaultBranch = trunk
[safe]
    bareRepository = explicit
"""


def registry_in(root: Path) -> DatasetRegistry:
    """The registry of a state folder, opened as every command opens it."""
    registry = DatasetRegistry(root / "datasets", root / "dvc-cache", str(root / "dvc-remote"))
    registry.open()
    return registry


def corpus_in(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.wav").write_text(text)
    return folder


def contents(registry: DatasetRegistry, corpus: str, out: Path) -> dict[str, str]:
    """The files of a corpus of the newest version."""
    registry.export("HEAD", out)
    folder = out / corpus
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}


def test_a_person_s_configuration_of_git_and_dvc_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, hooks = tmp_path / "home", tmp_path / "hooks"
    hooks.mkdir()
    for name in ("pre-commit", "commit-msg", "post-checkout", "reference-transaction"):
        (hooks / name).write_text("#!/bin/sh\nexit 1\n")
        (hooks / name).chmod(0o755)
    for folder in (home / ".config" / "git", home / ".config" / "dvc"):
        folder.mkdir(parents=True)
    (home / ".gitconfig").write_text(GIT_CONFIG.format(hooks=hooks, home=home))
    for name in ("ignored", ".config/git/ignore"):
        (home / name).write_text("*.dvc\ndata/\n.dvc/\n")
    (home / ".config" / "dvc" / "config").write_text(
        "[core]\n    remote = nowhere\n    no_scm = 7\n"
    )
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    for name, value in {
        "GIT_DIR": "/nowhere",
        "DVC_ROOT": "/nowhere",
        "SHELL": "/bin/false",
    }.items():
        monkeypatch.setenv(name, value)

    registry = registry_in(tmp_path / "state")
    registry.put_corpus("calls", corpus_in(tmp_path / "calls", a="1"), "Put calls")
    assert contents(registry, "calls", tmp_path / "out") == {"a.wav": "1"}
    registry.push()


def test_locks_that_killed_programs_left_are_deleted(tmp_path: Path) -> None:
    registry = registry_in(tmp_path)
    registry.put_corpus("calls", corpus_in(tmp_path / "calls", a="1"), "Put calls")
    workspace = tmp_path / "cycles" / "1"
    registry.checkout("main", workspace)
    left = [
        registry.root / "index.lock",
        registry.root / "refs" / "heads" / "main.lock",
        workspace / ".git" / "index.lock",
    ]
    for lock in left:
        lock.touch()
        os.utime(lock, (0, 0))
    (workspace / ".dvc" / "tmp" / "rwlock").write_text("")

    registry = registry_in(tmp_path)
    registry.put_corpus("calls", corpus_in(tmp_path / "calls", a="2"), "Put calls")
    registry.link(workspace)
    assert not any(lock.exists() for lock in left)
    git(workspace, "add", "--all")
    dvc(workspace, "add", "data/README.md")


def test_a_lock_that_git_may_hold_now_is_left_alone(tmp_path: Path) -> None:
    registry = registry_in(tmp_path)
    lock = registry.root / "refs" / "heads" / "main.lock"
    lock.touch()
    registry = registry_in(tmp_path)
    with pytest.raises(CommandError, match=r"git fetch in .*main\.lock"):
        registry.put_corpus("calls", corpus_in(tmp_path / "calls", a="1"), "Put calls")
    assert lock.exists()


def test_what_cannot_be_part_of_a_version_is_left_out_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    corpus = corpus_in(tmp_path / "calls", a="1")
    corpus_in(corpus / "sub", b="2")
    corpus_in(tmp_path / "elsewhere", c="3")
    (corpus / ".dvcignore").write_text("*.wav\n")
    (corpus / ".git").mkdir()
    (corpus / "gone.wav").symlink_to(tmp_path / "nowhere")
    (corpus / "sub" / "again").symlink_to(corpus)
    (corpus / "linked").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(corpus / "pipe.wav")

    registry = registry_in(tmp_path / "state")
    with caplog.at_level(logging.WARNING):
        registry.put_corpus("calls", corpus, "Put calls")
    expected = {"a.wav": "1", "sub/b.wav": "2", "linked/c.wav": "3"}
    assert contents(registry, "calls", tmp_path / "out") == expected
    assert "5 left out of" in caplog.text


def test_dvc_says_why_it_failed_and_nothing_else(tmp_path: Path) -> None:
    registry = registry_in(tmp_path)
    registry.checkout("main", tmp_path / "clone")
    with pytest.raises(CommandError) as failure:
        dvc(tmp_path / "clone", "add", "absent")
    assert str(failure.value).startswith(f"dvc add in {tmp_path / 'clone'}: ")
    assert "absent" in str(failure.value)
    assert "http" not in str(failure.value)


def test_a_disk_that_is_nearly_full_is_refused_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = registry_in(tmp_path / "state")
    before = sorted(path.name for path in (tmp_path / "state").iterdir())
    monkeypatch.setattr("infra.machine.commands.SPARE_BYTES", 2**60)
    with pytest.raises(OSError) as refusal:
        registry.put_corpus("calls", corpus_in(tmp_path / "calls", a="1"), "Put calls")
    assert disk_sentence(refusal.value).endswith("there is no space left on the disk")
    assert registry.corpora() == ()
    assert sorted(path.name for path in (tmp_path / "state").iterdir()) == before


def test_a_state_folder_can_be_moved_and_be_called_anything(tmp_path: Path) -> None:
    registry = registry_in(tmp_path / "state")
    registry.put_corpus("calls", corpus_in(tmp_path / "calls", a="1"), "Put calls")
    registry.push()
    workspace = tmp_path / "state" / "cycles" / "1"
    registry.checkout("main", workspace)
    odd = tmp_path / '%(home)s #1, é?="x" 50%'
    shutil.move(tmp_path / "state", odd)

    registry = registry_in(odd)
    assert contents(registry, "calls", tmp_path / "out") == {"a.wav": "1"}
    registry.put_corpus("calls", corpus_in(tmp_path / "calls", b="2"), "Put calls")
    registry.push()
    shutil.rmtree(registry.cache)
    assert contents(registry, "calls", tmp_path / "again") == {"a.wav": "1", "b.wav": "2"}
    registry.link(odd / "cycles" / "1")
    assert {path.name for path in tmp_path.iterdir()} == {"again", "calls", odd.name, "out"}
