# SPDX-License-Identifier: Apache-2.0
"""Two workers on this machine train what one trains: same batches, gradients summed; do they reach the same loss?

    python benchmarks/eval_strategy.py        # needs no data and no GPU; about two minutes, result in strategy.json

Each worker is a process of its own with its own folder and checkpoint, as `kws train --strategy workers` runs them.
Batch norms see half of a batch each, so the losses are near and not equal; the two workers' weights must be equal.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

WORKERS = 2
EPOCHS = 8
LARGEST_DIFFERENCE = 0.1
"""Of the final losses, as a share of the loss of the first epoch."""
RESULT = Path(__file__).with_name("strategy.json")


def main() -> None:
    """Train three times, compare, write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--data", help="not used: as all scripts of `make eval` have it")
    parser.add_argument("--out", type=Path, default=RESULT)
    arguments = parser.parse_args()
    if arguments.worker:
        work(arguments.worker)
        return
    with tempfile.TemporaryDirectory() as name:
        alone = run([Path(name) / "alone"], [""])[0]
        cluster = {"worker": [f"localhost:{port}" for port in free_ports()]}
        tasks = [json.dumps({"cluster": cluster, "task": {"type": "worker", "index": i}}) for i in range(WORKERS)]
        together = run([Path(name) / f"worker{i}" for i in range(WORKERS)], tasks)
    figures = {
        "loss_one": alone["losses"],
        "loss_two_workers": together[0]["losses"],
        "workers_end_with_the_same_weights": together[0]["sha256"] == together[1]["sha256"],
        "difference": abs(together[0]["losses"][-1] - alone["losses"][-1]) / alone["losses"][0],
    }
    arguments.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=1))
    if not figures["workers_end_with_the_same_weights"] or figures["difference"] > LARGEST_DIFFERENCE:
        raise SystemExit("two workers did not reach what one reaches")


def run(folders: list[Path], tasks: list[str]) -> list[dict]:
    """Start one process per folder at once; return what each wrote."""
    processes = []
    for folder, task in zip(folders, tasks, strict=True):
        folder.mkdir()
        environment = {key: value for key, value in os.environ.items() if key != "TF_CONFIG"}
        environment |= {"TF_CONFIG": task} if task else {}
        command = [sys.executable, __file__, "--worker", str(folder)]
        processes.append(subprocess.Popen(command, env=environment))
    if any([process.wait(timeout=900) for process in processes]):
        raise SystemExit("a worker failed")
    return [json.loads((folder / "result.json").read_text(encoding="utf-8")) for folder in folders]


def work(folder: Path) -> None:
    """Train a tiny network in this process, alone or with those in TF_CONFIG."""
    from kws.training.fit.quiet import load_tensorflow

    load_tensorflow()
    from kws.training.fit.together import open_strategy

    strategy = open_strategy("workers" if "TF_CONFIG" in os.environ else "one")  # before anything else uses TensorFlow
    import hashlib
    from dataclasses import replace

    import numpy as np
    from training_bytes import tone_data, tone_run

    from kws.training.clips.run import learn_clips

    run = tone_run("strategy", recipe=None)
    run = replace(run, optimizer=replace(run.optimizer, epochs=EPOCHS))
    trained = learn_clips(tone_data(), run, folder, strategy=strategy)
    weights = np.concatenate([values.ravel() for values in trained.model.get_weights()])
    result = {
        "losses": [round(row["loss"], 4) for row in trained.history],
        "sha256": hashlib.sha256(weights.tobytes()).hexdigest(),
    }
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")


def free_ports() -> list[int]:
    """Ports nobody listens on now."""
    found = []
    for _ in range(WORKERS):
        with closing(socket.socket()) as listener:
            listener.bind(("localhost", 0))
            found.append(listener.getsockname()[1])
    return found


if __name__ == "__main__":
    main()
