from __future__ import annotations

import pytest

from flows.lab.search_spaces import (
    EVERY,
    SEARCH_SPACES,
    Choices,
    Range,
    check_space,
    nested,
    space_of,
    with_values,
)
from models.detectors import DETECTORS
from models.errors import InputError
from models.params.detector import DetectorParams
from models.params.tree import Params

FRONT_SIZES = {
    "layers": 1, "width": 16, "heads": 2, "feed_forward": 16, "convolution_channels": 8,
    "position_kernel": 8, "position_groups": 2,
}  # fmt: skip
SMALL_FRONT = {
    "ssl-aasist": {"front_sizes": FRONT_SIZES},
    "light-darts": {"front_sizes": FRONT_SIZES},
}


@pytest.mark.parametrize("name", SEARCH_SPACES)
def test_every_end_of_a_space_of_the_table_can_be_built(name: str) -> None:
    params = Params(detector=DetectorParams(name, SMALL_FRONT.get(name, {})))
    check_space(space_of(name), params, "the table")
    assert len(space_of(name)) >= len(EVERY)
    assert any(key.startswith("detector.options.") for key in space_of(name))


def test_the_table_names_detectors_and_what_it_does_not_name_is_searched_in_what_all_have() -> None:
    assert SEARCH_SPACES.keys() <= DETECTORS.keys()
    assert space_of("another") == EVERY


def test_whole_ends_make_whole_numbers() -> None:
    assert Range(4, 7).whole
    assert not Range(0.0, 1).whole


def test_dotted_keys_are_nested_as_in_params_yaml() -> None:
    values = {"training.learning_rate": 0.1, "training.objective.mixup": 0.2, "window.hop": 3}
    assert nested(values) == {
        "training": {"learning_rate": 0.1, "objective": {"mixup": 0.2}},
        "window": {"hop": 3},
    }


def test_values_are_put_over_what_is_there() -> None:
    params = Params(detector=DetectorParams("aasist", {"blocks": 5, "sinc_filters": 12}))
    changed = with_values(params, {"detector.options.blocks": 6, "training.batch_size": 3}, "test")
    assert changed.detector.options == {"blocks": 6, "sinc_filters": 12}
    assert changed.training.batch_size == 3
    assert changed.training.epochs == params.training.epochs


def test_a_choice_that_no_detector_can_have_is_named() -> None:
    space = {"detector.options.widths": Choices(([8], [0]))}
    with pytest.raises(InputError, match=r"mine: detector.options.widths: option widths: a whole"):
        check_space(space, Params(detector=DetectorParams("aasist")), "mine")
