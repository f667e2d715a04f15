"""The small detector and clips of tests/models, which folds are tested with too."""

from tests.models.conftest import one_thread, three_attacks, tiny_detector, tiny_params

__all__ = ["one_thread", "three_attacks", "tiny_detector", "tiny_params"]
