# SPDX-License-Identifier: Apache-2.0
"""What every word network starts from: layers that have heard real people, distilled from a speech embedding."""
