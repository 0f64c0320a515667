"""Metrics, folds, predictions, tables and the report page."""
