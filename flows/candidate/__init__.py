"""From a dataset version to a candidate: workspace, training run and evaluation."""
