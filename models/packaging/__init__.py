"""A detector on disk: checkpoint, exported graph and the runtimes that execute it."""
