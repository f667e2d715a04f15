"""Options of detectors are checked as those of features are: see `models/options.py`."""

from models.options import choice, flag, number, several, whole_number

__all__ = ["choice", "flag", "number", "several", "whole_number"]
