# SPDX-License-Identifier: Apache-2.0
"""Regression suites: recordings replayed to one board or many, held against gates and an accepted result."""
