# SPDX-License-Identifier: Apache-2.0
"""Measuring a spotter: truth windows, hits and false accepts, intervals, DET curves, operating points."""
