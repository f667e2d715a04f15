"""Alerts: what happened to the loop, told once to each sink."""
