# SPDX-License-Identifier: Apache-2.0
"""Foreign models -> the MODL section of a bundle.

``tflite`` reads a flatbuffer into a :class:`~kws.importer.network.Network`; ``section`` writes a network as the bytes
that ``firmware/core/kws_model.h`` documents.
"""
