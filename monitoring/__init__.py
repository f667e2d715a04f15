"""Drift checks: recent traffic and its scores against the champion's reference."""
