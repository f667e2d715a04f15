"""The gate: evaluation sets scored, leaks searched for, costs measured, the verdict recorded."""
