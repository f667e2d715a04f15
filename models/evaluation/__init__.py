"""How good scores are: metrics, bootstrap, calibration, reports and plots."""
