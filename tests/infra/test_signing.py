"""Signatures: made with one key, for one purpose, and counted only where the key is trusted."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from infra.errors import SettingsError
from infra.settings import settings
from infra.signing import Purpose, signing_key, trusted_keys

PEM, PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
PLAIN = serialization.NoEncryption()
MESSAGE = b"the verdict is promote"


@pytest.fixture(autouse=True)
def _state(state: Path) -> None:
    """A state folder of its own."""


def test_the_first_signature_makes_a_key_that_only_its_owner_reads(state: Path) -> None:
    first, second = signing_key(settings()), signing_key(settings())
    assert first.id == second.id
    assert (state / "signing/key.pem").stat().st_mode & 0o777 == 0o600
    assert (state / "signing").stat().st_mode & 0o777 == 0o700
    assert {path.name for path in (state / "signing").iterdir()} == {"key.pem", "key.pub"}
    assert b"PUBLIC KEY" in (state / "signing/key.pub").read_bytes()


def test_a_key_signs_the_same_message_alike_and_is_trusted_where_it_was_made() -> None:
    key, trusted = signing_key(settings()), trusted_keys(settings())
    signature = key.sign(Purpose.EVIDENCE, MESSAGE)
    assert signature == key.sign(Purpose.EVIDENCE, MESSAGE)
    assert trusted.objection(Purpose.EVIDENCE, MESSAGE, signature, key.id) is None


def test_a_signature_fits_one_message_one_purpose_and_one_spelling() -> None:
    key, trusted = signing_key(settings()), trusted_keys(settings())
    good = key.sign(Purpose.EVIDENCE, MESSAGE)
    fits = "has a signature that does not match"
    assert fits in (trusted.objection(Purpose.EVIDENCE, MESSAGE + b".", good, key.id) or "")
    assert fits in (trusted.objection(Purpose.AUDIT_ROW, MESSAGE, good, key.id) or "")
    for other in (good.upper(), f" {good}", good[:-1], "", "not hexadecimal", f"{good}00"):
        assert fits in (trusted.objection(Purpose.EVIDENCE, MESSAGE, other, key.id) or "")


def test_no_digit_of_a_signature_can_be_altered() -> None:
    key, trusted = signing_key(settings()), trusted_keys(settings())
    good = key.sign(Purpose.EVIDENCE, MESSAGE)
    for place, digit in enumerate(good):
        altered = good[:place] + ("1" if digit == "0" else "0") + good[place + 1 :]
        assert trusted.objection(Purpose.EVIDENCE, MESSAGE, altered, key.id), place


def test_another_key_is_not_trusted_until_its_public_half_is_put_there(
    tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted = trusted_keys(settings())
    assert trusted.keys == {}  # nothing was signed here yet
    monkeypatch.setenv("ANTIPHON_SIGNING_KEY_FILE", str(written(tmp_path / "other.pem")))
    other = signing_key(settings())
    monkeypatch.delenv("ANTIPHON_SIGNING_KEY_FILE")
    signature = other.sign(Purpose.EVIDENCE, MESSAGE)
    own = signing_key(settings()).id
    objection = trusted_keys(settings()).objection(Purpose.EVIDENCE, MESSAGE, signature, other.id)
    assert objection == f"is signed with key '{other.id}', which is not trusted (trusted: {own})"
    public = other.private.public_key().public_bytes(
        PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (state / "signing/of-another-machine.pub").write_bytes(public)
    trusted = trusted_keys(settings())
    assert set(trusted.keys) == {own, other.id}
    assert trusted.objection(Purpose.EVIDENCE, MESSAGE, signature, other.id) is None


def test_a_folder_of_trusted_keys_is_all_that_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = signing_key(settings())
    (tmp_path / "trusted").mkdir()
    monkeypatch.setenv("ANTIPHON_TRUSTED_KEYS", str(tmp_path / "trusted"))
    assert own.id not in trusted_keys(settings()).keys
    monkeypatch.setenv("ANTIPHON_TRUSTED_KEYS", str(tmp_path / "nowhere"))
    with pytest.raises(SettingsError, match=r"a folder of \*.pub expected at .*nowhere"):
        trusted_keys(settings())


def test_two_processes_that_need_a_key_first_agree_on_one(state: Path) -> None:
    source = (
        "from infra.settings import settings\nfrom infra.signing import signing_key\n"
        "print(signing_key(settings()).id)"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert len({process.communicate(timeout=60)[0] for process in started}) == 1
    assert [process.returncode for process in started] == [0, 0, 0]
    assert {path.name for path in (state / "signing").iterdir()} == {"key.pem", "key.pub"}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "cannot be read"),
        (b"not a key", "an Ed25519 private key in PEM without a password expected"),
        (X25519PrivateKey.generate().private_bytes(PEM, PKCS8, PLAIN), "an Ed25519 private key"),
        (
            Ed25519PrivateKey.generate().private_bytes(
                PEM, PKCS8, serialization.BestAvailableEncryption(b"secret")
            ),
            "without a password",
        ),
    ],
)
def test_a_key_file_that_is_set_is_never_replaced(
    content: bytes | None, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "set.pem"
    if content is not None:
        path.write_bytes(content)
        path.chmod(0o600)
    monkeypatch.setenv("ANTIPHON_SIGNING_KEY_FILE", str(path))
    with pytest.raises(SettingsError, match=sentence):
        signing_key(settings())
    assert path.exists() == (content is not None)


def test_what_is_no_public_key_is_named(state: Path) -> None:
    signing_key(settings())
    (state / "signing/odd.pub").write_text("ssh-ed25519 AAAA")
    with pytest.raises(SettingsError, match=r"odd\.pub: an Ed25519 public key in PEM expected"):
        trusted_keys(settings())


def test_a_key_that_everybody_reads_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = written(tmp_path / "open.pem")
    path.chmod(0o644)
    monkeypatch.setenv("ANTIPHON_SIGNING_KEY_FILE", str(path))
    with caplog.at_level(logging.WARNING):
        signing_key(settings())
    assert "every account on this machine can use the signing key" in caplog.text


def written(path: Path) -> Path:
    path.write_bytes(Ed25519PrivateKey.generate().private_bytes(PEM, PKCS8, PLAIN))
    path.chmod(0o600)
    return path
