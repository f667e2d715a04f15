"""Recordings as a page needs them: sound by range, peaks, and tiles of the spectrogram."""
