"""kws: keyword spotting for microcontrollers, from training to the board and back.

Import what you need from the stage modules (``kws.features``, ``kws.model``, ``kws.pipeline``, ...); this package
imports nothing heavy by itself.
"""

__version__ = "0.1.0"
