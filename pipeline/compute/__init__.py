"""Running a function over items on whatever machine there is."""
