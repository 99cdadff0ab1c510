# SPDX-License-Identifier: Apache-2.0
"""Replaying recorded audio to a board and judging what it heard."""
