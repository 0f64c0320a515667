"""Predicting videos with a trained model, without DVC, manifest or labels; and packing a model into one file."""
