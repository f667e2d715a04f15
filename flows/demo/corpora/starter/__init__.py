"""The starter corpus: many human sources, every synthesiser, and copies beside their parents."""
