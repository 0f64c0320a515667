"""What fusion systems share."""
