"""Float and numpy references of the stages, used by tests and documentation only."""
