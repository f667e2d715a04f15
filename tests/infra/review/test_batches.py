"""One answer to a cluster."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, update

from infra.database import session
from infra.errors import AbsentError
from infra.field_samples import Origin, get_sample, list_samples, new_labels
from infra.review.answers import Answer, Region
from infra.review.batches import clusters, label_cluster
from infra.review.desk import take_item
from infra.review.intake import take_in
from infra.review.judging import undo
from infra.review.sample_states import ClaimError
from infra.review.sources import ask_about
from infra.tables import FieldSample
from models.params.retraining import ReviewParams
from tests.infra.review_desk import RULE, SPOOF, request, say

CAP = ReviewParams(gold_share=0.0, cluster_cap=3)


@pytest.fixture
def cluster(database: Engine) -> list[int]:
    """Five samples of the cluster `new`."""
    names = [f"r{number}" for number in range(5)]
    with session(database) as transaction:
        transaction.add_all(request(name) for name in names)
    assert ask_about(database, names, Origin.CLUSTER, 9, cluster="new") == 5
    take_in(database, CAP)
    return [sample.id for sample in list_samples(database)]


def test_a_cluster_is_labelled_up_to_the_cap_and_undone_at_once(
    database: Engine, cluster: list[int]
) -> None:
    labelled = label_cluster(database, "new", "ann", SPOOF, "key", CAP)
    assert labelled == cluster[:3] == [sample.id for sample in new_labels(database)]
    assert label_cluster(database, "new", "ann", SPOOF, "key", CAP) == labelled, "the same key"
    assert clusters(database) == {"new": 2}
    assert label_cluster(database, "new", "ann", SPOOF, "more", CAP) == cluster[3:]
    undo(database, "ann", "u", CAP, labelled[1])
    assert [sample.id for sample in new_labels(database)] == cluster[3:]
    with pytest.raises(AbsentError, match="no sample of cluster old waits for ann"):
        label_cluster(database, "old", "ann", SPOOF, "k", CAP)


@pytest.mark.usefixtures("people")
def test_an_answer_to_a_cluster_is_one_vote(database: Engine, cluster: list[int]) -> None:
    label_cluster(database, "new", "ann", SPOOF, "key", CAP)
    assert new_labels(database) == []
    say(database, cluster[0], "bo", SPOOF)
    assert [sample.id for sample in new_labels(database)] == cluster[:1]


def test_gold_audit_and_what_another_judges_are_passed_over(
    database: Engine, cluster: list[int]
) -> None:
    take_item(database, cluster[0], "bo", RULE)
    with session(database) as transaction:
        audit = update(FieldSample).where(FieldSample.id == cluster[1])
        transaction.execute(audit.values(use="audit"))
        gold = update(FieldSample).where(FieldSample.id == cluster[2])
        transaction.execute(gold.values(use="gold", state="accepted", label="spoof"))
    assert label_cluster(database, "new", "ann", SPOOF, "key", CAP) == cluster[3:]
    assert get_sample(database, cluster[1]).label is None


def test_regions_are_of_one_recording(database: Engine) -> None:
    partial = Answer("spoof", regions=(Region(0.0, 1.0, "spoof"),))
    with pytest.raises(ClaimError, match="has no regions"):
        label_cluster(database, "new", "ann", partial, "key", CAP)


def test_what_was_asked_about_or_has_no_recording_is_passed_over(database: Engine) -> None:
    with session(database) as transaction:
        transaction.add_all([request("a"), request("b"), request("c", audio_key=None)])
    assert ask_about(database, ["a", "c", "z", "a"], Origin.DRIFT, 9) == 1
    assert ask_about(database, ["a", "b"], Origin.UNCERTAINTY, 9) == 1
    assert [sample.origin for sample in list_samples(database)] == ["drift", "uncertainty"]
