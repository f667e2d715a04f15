"""Research that no cycle needs: tuning, cross-validation, compression, architecture search."""
