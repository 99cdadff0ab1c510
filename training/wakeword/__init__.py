# SPDX-License-Identifier: Apache-2.0
"""A wake word from a typed phrase: synthetic speech, near-misses, scenes, calibration; one folder per project."""
