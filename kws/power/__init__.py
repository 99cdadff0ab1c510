# SPDX-License-Identifier: Apache-2.0
"""Average power and battery life of a spotter: a model, not a measurement."""
