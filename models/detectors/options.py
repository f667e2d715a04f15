"""Options of detectors are checked as those of features are: see `models/options.py`."""

from models.options import number, several, whole_number

__all__ = ["number", "several", "whole_number"]
