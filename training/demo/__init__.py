"""``kws demo``: a phrase is typed, and minutes later a board listens for it."""
