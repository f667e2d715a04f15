"""Detectors that hear through the encoder of Whisper (arXiv 2212.04356)."""
