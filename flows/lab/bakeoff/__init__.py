"""The bake-off: detectors side by side after the same budget."""
