"""Lists of registered versions."""

from __future__ import annotations

from infra.mlflow_client import asking, connect
from infra.model_versions import ModelVersion, typed
from infra.settings import settings


def last_versions(limit: int = 50) -> list[ModelVersion]:
    """The newest versions, newest first; none if nothing was ever registered."""
    here = settings()
    with asking(here.mlflow_tracking_uri):
        page = connect(here).search_model_versions(
            f"name = '{here.registered_model}'",
            max_results=limit,
            order_by=["creation_timestamp DESC"],
        )
        return sorted(map(typed, page), key=lambda version: -version.version)
