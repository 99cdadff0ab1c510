# SPDX-License-Identifier: Apache-2.0
"""Recipes for data, not data: where to get recordings, how to check them, how to split them."""
