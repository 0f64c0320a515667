"""The user's commands: ``affectflow COMMAND``."""
