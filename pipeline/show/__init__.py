"""A page on localhost: one trial's video, playing in step with its labels and predictions."""
