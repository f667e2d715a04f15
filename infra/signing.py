"""Ed25519 signatures (RFC 8032): the signing key of this machine, and the trusted keys.

    <state>/signing/key.pem   the private key, created at the first signature, mode 0600
    <state>/signing/key.pub   its public key

A key's id is the first 16 hexadecimal digits of the SHA-256 of its 32 public bytes. A signature is
exactly 128 lower-case hexadecimal digits, so that it has one spelling.
"""

from __future__ import annotations

import hashlib
import logging
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from infra.errors import SettingsError, UnreachableError
from infra.machine.beside import link_new, scratch_beside, write_synced
from infra.settings import Settings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

PUBLIC = ".pub"  # suffix of the files of trusted keys
_OF_OTHERS = stat.S_IRWXO
_log = logging.getLogger(__name__)


class Purpose(StrEnum):
    """The purpose of a signature, which is part of the signed message."""

    EVIDENCE = "antiphon evidence 1"
    AUDIT_ROW = "antiphon audit row 1"


@dataclass(frozen=True)
class SigningKey:
    """A private key and its id."""

    private: Ed25519PrivateKey
    id: str

    def sign(self, purpose: Purpose, message: bytes) -> str:
        """The signature of a message; it is deterministic."""
        return self.private.sign(_tagged(purpose, message)).hex()


@dataclass(frozen=True)
class TrustedKeys:
    """Public keys by their ids."""

    keys: Mapping[str, Ed25519PublicKey]

    def objection(
        self, purpose: Purpose, message: bytes, signature: str, key_id: str
    ) -> str | None:
        """What is wrong with a signature, as the end of a sentence; None if it is valid."""
        from cryptography.exceptions import InvalidSignature

        key = self.keys.get(key_id)
        if key is None:
            trusted = ", ".join(sorted(self.keys)) or "none"
            return f"is signed with key {key_id!r}, which is not trusted (trusted: {trusted})"
        try:
            decoded = bytes.fromhex(signature)
            if decoded.hex() != signature:  # capitals or blanks would be another spelling
                raise ValueError
            key.verify(decoded, _tagged(purpose, message))
        except (InvalidSignature, ValueError):
            return f"has a signature that does not match key {key_id}"
        return None


def signing_key(here: Settings) -> SigningKey:
    """The signing key of this machine; the embedded default is created if missing.

    Raises SettingsError if the file that is set is missing or not an Ed25519 key.
    """
    path = here.signing_key_file
    embedded = path == here.state_dir / "signing" / "key.pem"
    if embedded and not path.exists():
        _create(path)
    private = _read_private(path)
    if embedded:
        _write_public(path.with_suffix(PUBLIC), private.public_key())
    return SigningKey(private, key_id(private.public_key()))


def trusted_keys(here: Settings) -> TrustedKeys:
    """Every *.pub of the folder of trusted keys; without a setting, those next to the signing key,
    and that key itself."""
    own = here.signing_key_file
    folder = here.trusted_keys or own.parent
    if here.trusted_keys is not None and not folder.is_dir():
        raise SettingsError(f"ANTIPHON_TRUSTED_KEYS: a folder of *{PUBLIC} expected at {folder}")
    keys = [_read_public(path) for path in sorted(folder.glob(f"*{PUBLIC}"))]
    if here.trusted_keys is None and own.is_file():
        keys.append(_read_private(own).public_key())
    return TrustedKeys({key_id(key): key for key in keys})


def key_id(key: Ed25519PublicKey) -> str:
    """The id of a key."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def _tagged(purpose: Purpose, message: bytes) -> bytes:
    return f"{purpose}\n".encode() + message


def _create(path: Path) -> None:
    """Create a key if there is none; if two processes create one, the first one stays."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    data = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with scratch_beside(path, shared=True) as scratch:
            write_synced(scratch, data, mode=0o600)
            if link_new(scratch, path):
                _log.info("a signing key was created: %s", path)
    except OSError as error:
        raise UnreachableError(f"{path}: a key cannot be created ({error.strerror})") from error


def _write_public(path: Path, key: Ed25519PublicKey) -> None:
    from cryptography.hazmat.primitives import serialization

    data = key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    if path.is_file() and path.read_bytes() == data:
        return
    with scratch_beside(path, shared=True) as scratch:
        scratch.write_bytes(data)
        scratch.replace(path)


def _read_private(path: Path) -> Ed25519PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    data = _bytes(path, "ANTIPHON_SIGNING_KEY_FILE")
    if path.stat().st_mode & _OF_OTHERS:
        _log.warning(
            "%s: every account on this machine can use the signing key; run chmod o-rwx", path
        )
    key: object
    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingsError(
            f"{path}: an Ed25519 private key in PEM without a password expected, as by "
            "`openssl genpkey -algorithm ed25519`"
        )
    return key


def _read_public(path: Path) -> Ed25519PublicKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    data = _bytes(path, "ANTIPHON_TRUSTED_KEYS")
    key: object
    try:
        key = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise SettingsError(f"{path}: an Ed25519 public key in PEM expected")
    return key


def _bytes(path: Path, setting: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{setting}: {path} cannot be read ({error.strerror})") from error
