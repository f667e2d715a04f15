"""The audit log of decisions and actions: a chain of signed rows.

    hash(row) = SHA-256 of the canonical JSON of seq, at, event, actor, document, key_id, previous
    previous  = hash of the previous row, zeros for the first
    signature = Ed25519 of the hash
    audit/heads/0000000042 in the object store: seq, hash and signature of row 42

An altered, missing or moved row breaks the chain. Rows cut off at the end are detected by the
heads, which are separate objects and never written twice, so that a bucket may lock them. A valid
row needs a trusted key. Anyone with such a key, the database and the object store can write another
history: docs/evidence.md.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from infra.database import reading, session
from infra.errors import AbsentError, ConflictError, UnreachableError
from infra.settings import settings
from infra.signing import Purpose, SigningKey, TrustedKeys, signing_key
from infra.storage import ObjectStore, open_store
from infra.tables import AuditRow

NOTHING_BEFORE = "0" * 64
HEADS = "audit/heads/"
_TURN = 0x61756469  # any number, the same in every process
_log = logging.getLogger(__name__)
_HEAD_FIELDS = ("hash", "key_id", "seq", "signature")


class Event(StrEnum):
    """The event of a row."""

    VERDICT = "verdict"
    REGISTRATION = "registration"
    PROMOTION = "promotion"  # the alias moved
    ROLL_OUT = "roll-out"  # the endpoint serves it, or no endpoint runs
    REFUSAL = "refusal"  # the endpoint refused it, and the alias moved back
    ROLLBACK = "rollback"  # by hand
    ALIAS_MOVED = "alias-moved"  # no row says by whom, e.g. on MLflow's page; detected later
    SHADOW_START = "shadow-start"
    SHADOW_END = "shadow-end"
    SIGN_IN = "sign-in"
    CYCLE_REQUEST = "cycle-request"  # by a person
    PAUSE = "pause"  # of automatic promotion
    RESUMPTION = "resumption"
    APPROVAL_WANTED = "approval-wanted"
    APPROVAL = "approval"
    DECLINE = "decline"
    TOKEN_MADE = "token-made"
    TOKEN_REVOKED = "token-revoked"
    ERASURE = "erasure"  # of a field sample, by a person


@dataclass(frozen=True)
class Chain:
    """The result of checking every row."""

    rows: int
    problems: tuple[str, ...]  # one sentence for each, with the row


def append(
    engine: Engine, event: str, actor: str, document: Mapping[str, Any], *, once: bool = False
) -> AuditRow:
    """Add a row with the next number, and its head to the object store.

    `event` is one of Event. With `once`, an existing row with the same event, actor and document is
    returned instead, so that a step may be retried. Raises UnreachableError if database or object
    store cannot be reached, SettingsError if there is no signing key: then there is no row. Once
    the row is committed nothing is raised, because the caller would undo what the row says. A head
    that cannot be stored then is added by the next call, before it adds a row.
    """
    here = settings()
    store, key, document_text = open_store(here), signing_key(here), canonical(document)
    _prepare_heads(engine, store)
    with session(engine) as transaction:
        _take_turn(transaction)
        existing = _same(transaction, Event(event), actor, document_text) if once else None
        row = existing or _next(transaction, Event(event), actor, document_text, key)
        transaction.add(row)
    try:
        _keep_head(store, row)
    except (UnreachableError, ConflictError) as error:
        _log.error("audit log: row %d has no head in the object store yet (%s)", row.seq, error)
    return row


def rows(engine: Engine) -> list[AuditRow]:
    """Every row, oldest first."""
    with reading(engine) as transaction:
        return list(transaction.scalars(select(AuditRow).order_by(AuditRow.seq)))


def verify(engine: Engine, store: ObjectStore, trusted: TrustedKeys) -> Chain:
    """Check every row, its signature and the newest head; the chain names the problems."""
    chain = rows(engine)
    problems = [*_broken_links(chain), *_bad_signatures(chain, trusted)]
    return Chain(len(chain), (*problems, *_head_problems(chain, store, trusted)))


def canonical(document: Mapping[str, Any]) -> str:
    """The canonical JSON of a document: sorted, without blanks, ASCII; NaN is refused."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)


def row_hash(row: AuditRow) -> str:
    """SHA-256 of the content and the position of a row."""
    names = ("seq", "at", "event", "actor", "document", "key_id", "previous")
    return hashlib.sha256(
        canonical({name: getattr(row, name) for name in names}).encode()
    ).hexdigest()


def _take_turn(transaction: Session) -> None:
    # SQLite already allows one writer only
    if transaction.get_bind().dialect.name == "postgresql":
        transaction.execute(text(f"SELECT pg_advisory_xact_lock({_TURN})"))


def _same(transaction: Session, event: Event, actor: str, document: str) -> AuditRow | None:
    alike = (AuditRow.event == event, AuditRow.actor == actor, AuditRow.document == document)
    return transaction.scalar(select(AuditRow).where(*alike).order_by(AuditRow.seq).limit(1))


def _next(
    transaction: Session, event: Event, actor: str, document: str, key: SigningKey
) -> AuditRow:
    last = transaction.scalar(select(AuditRow).order_by(AuditRow.seq.desc()).limit(1))
    row = AuditRow(
        seq=last.seq + 1 if last else 1,
        at=datetime.now(UTC).isoformat(timespec="microseconds"),
        event=event.value,
        actor=actor,
        document=document,
        key_id=key.id,
        previous=last.hash if last else NOTHING_BEFORE,
    )
    row.hash = row_hash(row)
    row.signature = key.sign(Purpose.AUDIT_ROW, row.hash.encode())
    return row


def _prepare_heads(engine: Engine, store: ObjectStore) -> None:
    """Store the head of the last row if it is missing, and see that the next place is free.

    So the object store is known to take heads before a row is committed.
    """
    last = _last(engine)
    if last is not None:
        with suppress(ConflictError):  # it is there
            _keep_head(store, last)
    following = last.seq + 1 if last else 1
    try:
        store.get(_place(following))
    except AbsentError:
        return
    now = _last(engine)
    if now is None or now.seq < following:  # no other process has just added the row
        raise ConflictError(
            f"audit log: the object store holds another row {following} than the database; "
            "run `antiphon audit verify`"
        )


def _last(engine: Engine) -> AuditRow | None:
    with reading(engine) as transaction:
        return transaction.scalar(select(AuditRow).order_by(AuditRow.seq.desc()).limit(1))


def _keep_head(store: ObjectStore, row: AuditRow) -> None:
    """Call it after the row is committed: a head without a row would look like a cut-off end."""
    head = canonical({name: getattr(row, name) for name in _HEAD_FIELDS})
    try:
        store.put(_place(row.seq), head.encode(), only_if_new=True)
    except ConflictError:
        if store.get(_place(row.seq)) != head.encode():
            raise


def _place(seq: int) -> str:
    return f"{HEADS}{seq:010d}"


def _broken_links(chain: Sequence[AuditRow]) -> Iterator[str]:
    seq, previous = 0, NOTHING_BEFORE
    for row in chain:
        if row.seq != seq + 1:
            yield f"row {row.seq} follows row {seq}: {_missing(seq + 1, row.seq - 1)}"
        elif row.previous != previous:
            yield f"row {row.seq} does not follow row {seq} as it is now: one of them was replaced"
        if row.hash != row_hash(row):
            yield f"row {row.seq} ({row.event} of {row.at}) was altered: its hash does not fit"
        seq, previous = row.seq, row.hash


def _missing(first: int, last: int) -> str:
    return f"row {first} is missing" if first == last else f"rows {first} to {last} are missing"


def _bad_signatures(chain: Sequence[AuditRow], trusted: TrustedKeys) -> Iterator[str]:
    for row in chain:
        objection = trusted.objection(
            Purpose.AUDIT_ROW, row.hash.encode(), row.signature, row.key_id
        )
        if objection:
            yield f"row {row.seq} {objection}"


def _head_problems(
    chain: Sequence[AuditRow], store: ObjectStore, trusted: TrustedKeys
) -> Iterator[str]:
    keys = store.list(HEADS)
    if not keys:
        if chain:
            yield f"row {chain[-1].seq}: no head is in the object store, an end may be cut off"
        return
    place = keys[-1]
    try:
        head = json.loads(store.get(place))
        seq, head_hash = int(head["seq"]), str(head["hash"])
        signature, key_id = str(head["signature"]), str(head["key_id"])
    except (AbsentError, ValueError, KeyError, TypeError):
        yield f"{place} in the object store is not a head of the audit log"
        return
    objection = trusted.objection(Purpose.AUDIT_ROW, head_hash.encode(), signature, key_id)
    if objection or place != _place(seq):
        yield f"{place} in the object store {objection or f'belongs to row {seq}'}"
        return
    last = chain[-1].seq if chain else 0
    if last < seq:
        missing = _missing(last + 1, seq)
        yield f"the end is cut off: {missing}, the object store has the head of row {seq}"
    elif all((row.seq, row.hash) != (seq, head_hash) for row in chain):
        yield f"row {seq} is not the one whose head is in the object store"
    elif last > seq:
        yield f"row {seq + 1} has no head in the object store: an end may be cut off"
