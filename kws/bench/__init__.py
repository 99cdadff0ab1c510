# SPDX-License-Identifier: Apache-2.0
"""What a bundle costs on a board: cycles, RAM, flash."""
