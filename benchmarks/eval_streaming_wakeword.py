# SPDX-License-Identifier: Apache-2.0
"""MLPerf Tiny's streaming wake-word test through our chain: `make eval KWS_DATA=DIR`.

The benchmark's reference network ("marvin") is imported as it is, listens to the benchmark's own short recording
through our front end, and is judged by `kws.evaluation` with the benchmark's truth file. Its README counts 2 hits
and 1 miss at a threshold of 0.95, false accepts none. Writes benchmarks/streaming_wakeword.json; fails when our
count differs.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from kws.audio import read_audio
from kws.decision import DecisionConfig, OperatingPoint
from kws.evaluation.det import det_curve, score_tracks
from kws.evaluation.tracks import score_recording
from kws.evaluation.truth_files import read_truth
from kws.features import FeaturesConfig
from kws.importer.bundle import import_bundle
from kws.pipeline import Pipeline

THRESHOLD = 243
"""0.95 of 255, rounded up: the reference's threshold."""
REFERENCE = {"hits": 2, "misses": 1, "false_accepts": 0}
REFRACTORY_FRAMES = 31
"""One second of 32 ms hops."""


def main() -> None:
    """Import, listen, judge, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a folder with streaming_wakeword/ and models/")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("streaming_wakeword.json"))
    arguments = parser.parse_args()
    model = arguments.data / "models" / "str_ww_ref_model.tflite"
    recording = arguments.data / "streaming_wakeword" / "short_wav_easy10s.wav"
    truth = arguments.data / "streaming_wakeword" / "sww_short_test.json"
    if not (model.exists() and recording.exists() and truth.exists()):
        print(f"{arguments.data} has no MLPerf streaming test (models/, streaming_wakeword/): nothing to measure")
        return

    decision = DecisionConfig(
        operating_points=(OperatingPoint(thresholds=(THRESHOLD, 0, 0)),), refractory_frames=REFRACTORY_FRAMES
    )
    labels = ("marvin", "silence", "unknown")
    front_end = FeaturesConfig.mlperf_streaming()
    bundle = import_bundle(model, features=front_end, labels=labels, decision=decision, decision_frames=1)
    windows = read_truth(truth, label="marvin").assign([recording])[0].windows or ()
    track = score_recording(Pipeline(bundle), read_audio(recording), windows)
    score = score_tracks([track], (THRESHOLD, 0, 0), REFRACTORY_FRAMES)
    ours = {
        "hits": score.num_hits,
        "misses": score.false_rejects.count,
        "false_accepts": score.false_accepts.count,
    }
    curve = det_curve([track], ["marvin"], REFRACTORY_FRAMES, thresholds=range(128, 256, 16))
    result = {
        "threshold": round(THRESHOLD / 255, 3),
        "ours": ours,
        "reference": REFERENCE,
        "latency_ms": score.latency_json(),
        "false_accepts_per_hour": score.false_accepts.to_json(),
        "by_threshold": [
            {"threshold": p.threshold, "hits": p.score.num_hits, "false_accepts": p.score.false_accepts.count}
            for p in curve
        ],
    }
    arguments.out.write_text(json.dumps(result, indent=1) + "\n")
    print(f"ours {ours}, reference {REFERENCE}; {score.false_accepts}")
    if ours != REFERENCE:
        sys.exit("our count differs from the reference's")


if __name__ == "__main__":
    main()
