"""Speech: audio, trials, detectors, training, metrics and the promotion rule."""
