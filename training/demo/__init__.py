# SPDX-License-Identifier: Apache-2.0
"""``kws demo``: a phrase is typed, and minutes later a board listens for it."""
