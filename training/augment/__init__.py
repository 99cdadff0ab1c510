# SPDX-License-Identifier: Apache-2.0
"""What lies between a mouth and the features a network learns from: rooms, noise, microphones, masks."""
