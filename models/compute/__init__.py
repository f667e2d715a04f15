"""Cores, memory and processes: what the machine gives a computation."""
