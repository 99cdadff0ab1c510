# SPDX-License-Identifier: Apache-2.0
"""Two bundles on the same labelled clips: python examples/compare_bundles.py OLD.kws NEW.kws CLIPS..."""

import sys

import kws

if len(sys.argv) < 4:
    sys.exit(__doc__)
old_bundle, new_bundle, *clips = sys.argv[1:]
old, new = (kws.run_replay(kws.ReplayRequest(paths=clips, bundle=bundle)) for bundle in (old_bundle, new_bundle))

for name, result in (("old", old), ("new", new)):
    print(f"{name}: accuracy {result.accuracy}, keywords missed {result.false_rejects}")
changed = 0
for before, after in zip(old.outcomes, new.outcomes, strict=True):
    verdicts = before.predicted, after.predicted
    events = [[event.label for event in outcome.heard.events] for outcome in (before, after)]
    if verdicts[0] != verdicts[1] or events[0] != events[1]:
        changed += 1
        print(f"{before.recording.name}: taken for {verdicts[0]} -> {verdicts[1]}, events {events[0]} -> {events[1]}")
print(f"{changed} of {len(old.outcomes)} recordings changed")
