"""The library behind the stages, in the order in which data flows."""
