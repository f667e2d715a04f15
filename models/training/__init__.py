"""How a detector learns: loop, step, batches, losses, schedules and continual learning."""
