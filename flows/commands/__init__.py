"""What a person can ask `antiphon` to do, one file a topic.

A command imports what it runs inside its function: torch, mlflow, prefect and evidently stay out of
the start of every other command, and Prefect is imported after its settings stand.
"""
