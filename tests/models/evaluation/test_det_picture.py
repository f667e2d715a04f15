from __future__ import annotations

from pathlib import Path

import numpy as np

from models.evaluation.det_picture import draw_det
from models.evaluation.scores import Scores


def scores(distance: float) -> Scores:
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.normal(distance, 1, 60), rng.normal(0, 1, 60)])
    names = tuple(f"u{i}" for i in range(120))
    return Scores(names, (None,) * 60 + ("tts",) * 60, values, names)


def test_curves_of_good_and_hopeless_detectors_are_drawn_alike_every_time(tmp_path: Path) -> None:
    detectors = {"good": scores(3.0), "perfect": scores(50.0), "hopeless | 50 %": scores(0.0)}
    draw_det(detectors, tmp_path / "a.png", "title")
    draw_det(detectors, tmp_path / "b.png", "title")
    picture = (tmp_path / "a.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert picture == (tmp_path / "b.png").read_bytes()
    draw_det({"good": scores(3.0)}, tmp_path / "c.png", "title")
    assert picture != (tmp_path / "c.png").read_bytes()


def test_a_detector_named_like_a_formula_is_drawn_as_it_is_called(tmp_path: Path) -> None:
    draw_det({r"$\frac{": scores(3.0)}, tmp_path / "odd.png")
    assert (tmp_path / "odd.png").read_bytes().startswith(b"\x89PNG")
