"""The folders that the stages of dvc.yaml read and write, from the folder that holds dvc.yaml."""

from pathlib import Path

PIPELINE = Path("pipeline")
CHAMPION = PIPELINE / "champion" / "detector"
PREPARED = PIPELINE / "prepared"
TRAINED = PIPELINE / "trained"
HARDENED = PIPELINE / "hardened"
DETECTOR = PIPELINE / "detector"
EVALUATION = PIPELINE / "evaluation"
CHECKPOINTS = PIPELINE / "checkpoints"
EPOCHS = "epochs.csv"  # one row per epoch, beside the detector's folder
