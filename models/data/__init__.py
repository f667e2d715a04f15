"""Trials with their audio: datasets, packed clips, copies, leakage, checks and folds."""
