"""The servers of one machine, and the flows as deployments."""
