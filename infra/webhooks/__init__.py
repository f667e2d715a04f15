"""Signed messages to the addresses of clients: allow-list, outbox, retries, dead letters."""
