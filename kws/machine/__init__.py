# SPDX-License-Identifier: Apache-2.0
"""How unusual does a machine sound? Learnt from normal sound or vibration alone; `kws machine` runs it."""
