# SPDX-License-Identifier: Apache-2.0
"""Which words are in a recording, and when: python examples/listen_to_file.py [RECORDING]"""

import sys
from pathlib import Path

import kws

HERE = Path(__file__).parent

spotter = kws.load(HERE.parent / "models" / "speech_commands_12.kws")
for detection in spotter.listen(sys.argv[1] if len(sys.argv) > 1 else HERE / "stream.flac"):
    print(f"{detection.time_s:6.2f} s  {detection.label}  {detection.posterior:.2f}")
