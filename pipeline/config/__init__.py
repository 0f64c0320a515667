"""The sections of params.yaml as frozen, typed objects."""
