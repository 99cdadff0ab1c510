# SPDX-License-Identifier: Apache-2.0
"""What a replay or an evaluation found, for people (terminal, HTML) and for other programs (JUnit)."""
