"""Replaying recorded audio to a board and judging what it heard."""
