"""Attacks and sources left out at once, for several recipes on the same folds."""
