"""Metrics, folds, predictions, submissions and ensembles."""
