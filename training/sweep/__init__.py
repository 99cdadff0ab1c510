# SPDX-License-Identifier: Apache-2.0
"""`kws sweep`: many runs of one recipe with other settings; which are worth their cycles."""
