"""The audit log."""

from __future__ import annotations

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from infra.tables.base import Table


class AuditRow(Table):
    """One decision or action; triggers refuse a change of a row. See infra.audit."""

    __tablename__ = "audit_log"

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # 1, 2, 3, …
    at: Mapped[str] = mapped_column(String(32))  # UTC; text, because its bytes are hashed
    event: Mapped[str] = mapped_column(String(32))
    actor: Mapped[str] = mapped_column(Text)
    document: Mapped[str] = mapped_column(Text)  # canonical JSON
    key_id: Mapped[str] = mapped_column(String(16))
    previous: Mapped[str] = mapped_column(String(64), unique=True)  # no two rows follow one
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    signature: Mapped[str] = mapped_column(String(128))
