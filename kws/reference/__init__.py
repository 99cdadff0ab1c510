# SPDX-License-Identifier: Apache-2.0
"""Float and numpy references of the stages, used by tests and documentation only."""
