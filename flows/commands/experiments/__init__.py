"""Commands of experiments, which no cycle needs."""
