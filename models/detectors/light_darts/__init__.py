"""Light-DARTS: a detector whose cells were found by differentiable architecture search."""
