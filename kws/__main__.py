"""``python -m kws`` is the ``kws`` command."""

from kws.cli import main

main()
