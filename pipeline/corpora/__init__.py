"""A trial as the index names it: index table, annotations, ratings, digests."""
