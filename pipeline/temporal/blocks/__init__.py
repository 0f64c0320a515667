"""What temporal encoders share."""
