"""Where the stages put things, relative to the repository's root; dvc.yaml names the same paths."""

from pathlib import Path

SAMPLES = Path("data/sample")
CLIPS = Path("data/clips")
MANIFEST = CLIPS / "manifest.csv"
CLIP_SETTINGS = CLIPS / "settings.json"
FOLDS = Path("data/folds.json")
WEIGHTS = Path("data/weights")
"""Where files of published weights are looked for."""
FEATURES = Path("data/features")
MODELS = Path("models")
ITEMS = Path("data/items")
"""For each out that is put together from items, a table of their keys."""
PREDICTIONS = Path("predictions")
METRICS = Path("metrics")
PLOTS = Path("plots")
REPORTS = Path("reports")

FINETUNED = "-finetuned"
"""What the name of a fine-tuned model ends with."""
