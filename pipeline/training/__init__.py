"""Windows, loss, schedule and the training of one fold."""
