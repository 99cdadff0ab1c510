# SPDX-License-Identifier: Apache-2.0
"""The recipe of the shipped model: more unknown words, harder acoustics, and a teacher."""
