"""The order in which things happen, and the command line."""
