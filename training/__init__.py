# SPDX-License-Identifier: Apache-2.0
"""From recordings to a bundle: data pipeline, architectures, training, quantisation, evaluation, export.

Needs TensorFlow (extra ``train``); nothing in ``kws`` imports it at start-up.
"""
