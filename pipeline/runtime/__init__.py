"""What runs items: errors, progress, the item cache, the executor, and what all stages share."""
