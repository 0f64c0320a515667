"""The item cache and the feature store."""
