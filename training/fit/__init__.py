# SPDX-License-Identifier: Apache-2.0
"""Gradient descent and what comes after it, whatever the batches are made of: networks, int8, bundles."""
