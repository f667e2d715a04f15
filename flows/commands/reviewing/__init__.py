"""The commands of `antiphon review`, one file a topic; flows/commands/review.py has the group."""
