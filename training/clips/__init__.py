# SPDX-License-Identifier: Apache-2.0
"""Networks for labelled clips of one length, such as Speech Commands."""
