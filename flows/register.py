"""A detector folder in hand before the gate: the same one that a cycle's candidate faces."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from flows import register_steps
from flows.alerting import tell
from flows.candidate.detector_folders import open_exported
from flows.cycle import Candidate
from flows.gate_loop import Steps, pass_gate
from flows.places import current_params, fetch_champion
from flows.register_steps import Registration, Submission


def register_folder(submission: Submission) -> Registration:
    """Calibrate a copy of a detector folder on dev, judge it on eval, register it if it wins.

    The folder itself gets its graph where it has none and is not changed otherwise. Raises
    InputError for a folder or corpus that cannot be used; nothing is registered then.
    """
    began, params = datetime.now(UTC), current_params()
    champion = fetch_champion()  # an outage is told before the work
    open_exported(submission.weights)
    with register_steps.workplace() as place:
        dev, eval_clips = register_steps.pack_judged(submission, params, place / "prepared")
        with register_steps.tracked(submission, eval_clips, params) as run_id:
            candidate = Candidate(run_id, eval_clips.trials_hash, place)
            scores = register_steps.evaluate(
                candidate, submission.weights, dev, eval_clips, champion, params
            )
            steps = Steps(
                compare=partial(register_steps.compare, candidate, submission, scores, params),
                judge=partial(register_steps.judge, candidate, submission, began, params),
                register=partial(register_steps.register, candidate),
                roll_out=partial(register_steps.roll_out, params.promotion),
                run_in_shadow=partial(register_steps.run_in_shadow, params.promotion),
                current_champion=fetch_champion,
            )
            result = pass_gate(steps, champion)
            tell()
            return Registration(run_id, result)
