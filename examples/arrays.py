# SPDX-License-Identifier: Apache-2.0
"""Arrays in, words out: open it in an editor that knows cells, or paste them into a notebook."""

# %% A spotter, and a recording in an array
from pathlib import Path

import numpy as np

import kws

HERE = Path(__file__).parent if "__file__" in globals() else Path("examples")
spotter = kws.load(HERE.parent / "models" / "speech_commands_12.kws")
samples = kws.read_audio(HERE / "stream.flac")
detections = spotter.listen(samples)
print(detections)

# %% Floats, a column, or another rate: the same words
floats = samples.astype(np.float32)[:, np.newaxis] / 32768
assert spotter.listen(floats) == detections
print(spotter.listen(np.repeat(samples, 3), rate=48_000))

# %% Blocks, as a microphone or a network gives them
for start in range(0, len(samples), 1600):
    for detection in spotter.feed(samples[start : start + 1600]):
        print("while it is spoken:", detection)
spotter.flush()

# %% What the network thought, decision by decision
scores = detections.scores
seconds = (scores.sample_index.astype(int) - detections.lead_samples) / spotter.sample_rate_hz
stop = spotter.labels.index("stop")
loudest = int(np.argmax(scores.smoothed[:, stop]))
print(f"'stop' is likeliest at {seconds[loudest]:.2f} s: {scores.smoothed[loudest, stop]} of 255")

# %% One clip, one label
print(spotter.classify(HERE / "clips" / "right" / "heart.flac"))

# %% A folder of labelled clips, judged; in a notebook the result shows its whole report
result = kws.run_replay(kws.ReplayRequest(paths=HERE / "clips", bundle=spotter.bundle.name))
print(result)
print("missed:", [outcome.recording.name for outcome in result.outcomes if not outcome.correct])
