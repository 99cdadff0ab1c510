# SPDX-License-Identifier: Apache-2.0
"""Words as they are spoken, until Ctrl-C: python examples/listen_to_microphone.py [BUNDLE]"""

import sys
from pathlib import Path

import kws

MODELS = Path(__file__).parent.parent / "models"

spotter = kws.load(sys.argv[1] if len(sys.argv) > 1 else MODELS / "wake_computer_50.kws")
microphone = kws.Microphone(spotter.sample_rate_hz)
print(f"say {', '.join(spotter.keywords)}", flush=True)
for detection in spotter.listen(microphone.blocks()):
    print(f"{detection.time_s:6.2f} s  {detection.label}  {detection.posterior:.2f}", flush=True)
