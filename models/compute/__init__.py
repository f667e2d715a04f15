"""Cores, memory and processes of the machine."""
