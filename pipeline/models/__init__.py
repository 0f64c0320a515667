"""What training and prediction share: a model's network, windows, standardisation, and the trained fold."""
