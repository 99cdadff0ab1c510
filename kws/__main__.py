# SPDX-License-Identifier: Apache-2.0
"""``python -m kws`` is the ``kws`` command."""

from kws.cli import main

main()
