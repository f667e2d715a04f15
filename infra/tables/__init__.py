"""antiphon's tables; MLflow and Prefect have their own.

A change here needs a revision in infra/migrations/versions, which makes the same change.
"""

from infra.tables.alerts import AlertDelivery, AlertRow
from infra.tables.audit import AuditRow
from infra.tables.base import Table, UtcDateTime
from infra.tables.calls import IdempotentAnswer, JobResultRow, JobRow
from infra.tables.cycles import Cycle, CycleRequestRow, DriftCheck
from infra.tables.samples import AuditDraw, FieldSample, LabelRevision, Reviewer
from infra.tables.scores import ScoredRequest, ShadowLook, ShadowScore
from infra.tables.streams import StreamRow
from infra.tables.verdicts import JudgedQuestion, SetComparison, SetTrials
from infra.tables.webhooks import WebhookMessage

__all__ = [
    "AlertDelivery",
    "AlertRow",
    "AuditDraw",
    "AuditRow",
    "Cycle",
    "CycleRequestRow",
    "DriftCheck",
    "FieldSample",
    "IdempotentAnswer",
    "JobResultRow",
    "JobRow",
    "JudgedQuestion",
    "LabelRevision",
    "Reviewer",
    "ScoredRequest",
    "SetComparison",
    "SetTrials",
    "ShadowLook",
    "ShadowScore",
    "StreamRow",
    "Table",
    "UtcDateTime",
    "WebhookMessage",
]
