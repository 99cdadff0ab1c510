# SPDX-License-Identifier: Apache-2.0
"""A local web page that shows what a spotter hears while it hears it, and what other thresholds would do."""
