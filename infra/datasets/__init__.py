"""Dataset versions: git and DVC."""
