"""Descriptions on MLflow's page: a run and the version that was registered of it have the same."""

from __future__ import annotations

from infra.mlflow_client import asking, connect
from infra.model_versions import NOTE, version_of_run
from infra.settings import settings


def describe(run_id: str, text: str) -> None:
    """Make a text, as Markdown, the description of a run and of its version if there is one."""
    here = settings()
    with asking(here.mlflow_tracking_uri):
        client = connect(here)
        client.set_tag(run_id, NOTE, text)
        version = version_of_run(client, here, run_id)
        if version is not None:
            client.update_model_version(here.registered_model, str(version.version), text)


def link_to(run_id: str, artifact: str) -> str:
    """The address of an artifact of a run, from any of MLflow's pages."""
    here = settings()
    with asking(here.mlflow_tracking_uri):
        experiment = connect(here).get_run(run_id).info.experiment_id
    return f"#/experiments/{experiment}/runs/{run_id}/artifacts/{artifact}"
