"""Corpora that antiphon builds itself: real human recordings beside real synthesisers."""
