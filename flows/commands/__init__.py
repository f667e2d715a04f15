"""What a person can ask `antiphon` to do, one file a topic."""
