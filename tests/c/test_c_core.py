# SPDX-License-Identifier: Apache-2.0
"""Builds the core under sanitizers and coverage, runs the C test programs, and demands 90 % of its lines."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from hashlib import sha512
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fuzz_firmware import BUNDLES
from random_bundles import random_bundle, random_network, speech_like
from random_graphs import random_graph

from kws.bundle import Bundle
from kws.importer.section import model_section
from kws.pipeline import Pipeline

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
MINIMUM_COVERAGE_PERCENT = 90


def run(command: list[str | Path], **options: object) -> str:
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=280, **options)
    assert result.returncode == 0, f"{command[0]} failed:\n{result.stdout[-2000:]}\n{result.stderr[-4000:]}"
    return result.stdout


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("c-core")
    tools = Path(sys.executable).parent
    run([tools / "cmake", "-S", HERE, "-B", folder, "-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={tools / 'ninja'}"])
    run([tools / "cmake", "--build", folder])
    return folder


@pytest.fixture(scope="module", params=sorted(BUNDLES))
def bundle(request: pytest.FixtureRequest) -> Bundle:
    return BUNDLES[request.param]()


@pytest.mark.parametrize("program", ["test_stages", "test_dsp", "test_nn", "test_cpp", "test_wake"])
def test_stages_by_hand(build: Path, program: str) -> None:
    run([build / program])


AROUND_THE_EXAMPLE = """
#include <stdlib.h>
#include "kws.h"
static const uint8_t bundle_bytes[16] = {0};
static int16_t samples[160];
static uint32_t wait_for_microphone(int16_t *into) { (void)into; exit(0); }
static void fail(const char *why) { (void)why; exit(1); }
static kws_bundle_t bundle;
static void on_event(void *user, const kws_event_t *event) { (void)user; (void)LABEL; }
int main(void) {
EXAMPLE
}
"""


def test_the_example_in_the_header_compiles_as_it_is_written(tmp_path: Path) -> None:
    header = (ROOT / "firmware" / "kws.h").read_text()
    example = "\n".join(line.removeprefix(" *") for line in header.splitlines() if line.startswith(" *     "))
    assert "kws_pipeline_feed" in example
    (label,) = re.findall(r"kws_bundle_label\([^)]*\)", header)
    source = AROUND_THE_EXAMPLE.replace("EXAMPLE", example).replace("LABEL", label)
    (tmp_path / "example.c").write_text(source)
    run(["cc", "-std=c11", "-Wall", "-Werror", "-fsyntax-only", "-I", ROOT / "firmware", tmp_path / "example.c"])


@pytest.mark.parametrize("chunk", [1 << 20, 320, 77])
def test_sanitized_core_hears_what_the_host_library_hears(
    build: Path, bundle: Bundle, tmp_path: Path, chunk: int
) -> None:
    audio = speech_like(4.0, seed=5, silence=(1.5, 3.0))
    bundle.save(tmp_path / "test.kws")
    (tmp_path / "audio.raw").write_bytes(audio.tobytes())
    lines = run([build / "replay_bundle", tmp_path / "test.kws", tmp_path / "audio.raw", str(chunk)]).split("\n")
    pipeline = Pipeline(bundle)
    events = pipeline.feed(audio)
    assert (pipeline.gated_frames > 10) == ("GATE" in bundle.kinds)
    scores = np.array([line.split()[1:] for line in lines if line.startswith("scores")], np.int64)
    np.testing.assert_array_equal(scores[:, 0], pipeline.scores.sample_index)
    np.testing.assert_array_equal(scores[:, 1:], pipeline.scores.smoothed)
    printed = [tuple(int(v) for v in line.split()[1:]) for line in lines if line.startswith("event")]
    assert printed == [(event.sample_index, event.label_index, event.score) for event in events]


@pytest.mark.parametrize("hook", ["frame", "scores", "event"])
def test_a_hook_that_resets_the_pipeline_begins_the_stream_anew(
    build: Path, bundle: Bundle, tmp_path: Path, hook: str
) -> None:
    audio = speech_like(4.0, seed=5, silence=(1.5, 3.0))
    bundle.save(tmp_path / "test.kws")
    (tmp_path / "audio.raw").write_bytes(audio.tobytes())
    decisions = int(run([build / "reset_in_hook", tmp_path / "test.kws", tmp_path / "audio.raw", hook]))
    if hook != "event":
        assert decisions > 10


def test_altered_bundles_are_refused_or_run_inside_their_arena(build: Path, bundle: Bundle, tmp_path: Path) -> None:
    bundle.save(tmp_path / "test.kws")
    report = run([build / "fuzz_bundle", tmp_path / "test.kws", "1500", "7"])
    accepted = int(report.split()[0])
    assert 0 < accepted < 1500, "some alterations are harmless and some are not"


@pytest.mark.parametrize("compact", [True, False])
@pytest.mark.parametrize("streaming", [True, False])
def test_altered_models_are_refused_or_run_inside_their_memory(
    build: Path, tmp_path: Path, streaming: bool, compact: bool
) -> None:
    network = random_network(seed=3, streaming=streaming, channels=8)
    (tmp_path / "test.modl").write_bytes(model_section(network, compact=compact))
    report = run([build / "fuzz_model", tmp_path / "test.modl", "2000", "5"])
    assert 0 < int(report.split()[0]) < 2000


@pytest.mark.parametrize("seed", range(6))
def test_altered_graphs_are_refused_or_run_inside_their_memory(build: Path, tmp_path: Path, seed: int) -> None:
    network = random_graph(seed, streaming=seed % 2 == 0)
    (tmp_path / "test.modl").write_bytes(model_section(network, compact=seed % 3 == 0))
    report = run([build / "fuzz_model", tmp_path / "test.modl", "1500", str(seed + 1)])
    assert 0 < int(report.split()[0]) < 1500


@pytest.mark.parametrize("page_bytes", [1024, 131072])
def test_supply_cut_at_operations_of_updates_leaves_a_whole_bundle(
    build: Path, tmp_path: Path, page_bytes: int
) -> None:
    """Every erasure and every word of the trailers, 64 times each; every 16th word of the bundles."""
    assert update_cuts(build, tmp_path, page_bytes) > 1000


def update_cuts(build: Path, folder: Path, page_bytes: int) -> int:
    files = [folder / f"{seed}.kws" for seed in (1, 2, 3)]
    for seed, path in enumerate(files, start=1):
        random_bundle(seed=seed, streaming=seed != 2).save(path)
    words = run([build / "test_update", *files, str(page_bytes), "16"]).split()
    assert words[1] == "operations,"
    return int(words[2])


def test_byte_ring_outbox_and_packets_by_hand(build: Path) -> None:
    run([build / "test_protocol"])


def test_application_survives_a_host_that_says_anything(build: Path, bundle: Bundle, tmp_path: Path) -> None:
    bundle.save(tmp_path / "test.kws")
    run([build / "fuzz_requests", tmp_path / "test.kws", "600000", "1"])


def test_hosts_come_and_go_and_the_product_goes_on(build: Path, tmp_path: Path) -> None:
    BUNDLES["gated"]().save(tmp_path / "gated.kws")
    run([build / "test_listen", tmp_path / "gated.kws"])


def test_uart_gives_each_byte_once_it_is_stored_and_counts_what_a_standing_core_loses(build: Path) -> None:
    run([build / "test_uart"])


def test_i2s_microphone_counts_the_sound_that_dma_lost(build: Path) -> None:
    run([build / "test_i2s"])


def test_usb_serial_port_survives_a_host_and_a_cable_that_do_anything(build: Path) -> None:
    run([build / "fuzz_usb", "300000", "37"])  # a seed that found something once


# The third example of RFC 8032, section 7.1: public key, signature, message.
RFC_8032 = (
    "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
    "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    "af82",
)


def test_signatures_are_those_of_rfc_8032_and_of_another_library_and_nothing_else_passes(build: Path) -> None:
    rng = np.random.default_rng(8032)
    lines, good = [RFC_8032], [True]
    for length in range(0, 700, 3):  # every place of the end in a block of the hash, three blocks and more
        key = Ed25519PrivateKey.from_private_bytes(rng.bytes(32))
        parts = [key.public_key().public_bytes_raw(), b"", rng.bytes(length)]
        parts[1] = key.sign(parts[2])
        lines.append(tuple(part.hex() for part in parts))
        changed = int(rng.integers(0, 2 if length == 0 else 3))
        altered = bytearray(parts[changed])
        altered[int(rng.integers(0, len(altered)))] ^= 1 << int(rng.integers(0, 8))
        parts[changed] = bytes(altered)
        lines.append(tuple(part.hex() for part in parts))
        good += [True, False]
    text = "".join(f"{key} {signature} {message or '-'}\n" for key, signature, message in lines)
    answers = [line.split() for line in run([build / "test_signature"], input=text).splitlines()]
    assert [answer[0] for answer in answers] == [sha512(bytes.fromhex(line[2])).hexdigest() for line in lines]
    assert [answer[1] == "1" for answer in answers] == good


@pytest.fixture(scope="module")
def exercised(build: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build after every program has run: what they covered adds up in its folder, whatever ran before."""
    folder = tmp_path_factory.mktemp("exercised")
    (folder / "audio.raw").write_bytes(speech_like(4.0, seed=5, silence=(1.5, 3.0)).tobytes())
    for program in ("test_stages", "test_dsp", "test_nn", "test_protocol"):
        run([build / program])
    update_cuts(build, folder, 4096)
    for make in BUNDLES.values():
        make().save(folder / "test.kws")
        run([build / "replay_bundle", folder / "test.kws", folder / "audio.raw", "320"])
        run([build / "fuzz_bundle", folder / "test.kws", "300", "7"])
    for streaming, compact in itertools.product([True, False], repeat=2):
        network = random_network(seed=3, streaming=streaming, channels=8)
        (folder / "test.modl").write_bytes(model_section(network, compact=compact))
        run([build / "fuzz_model", folder / "test.modl", "300", "5"])
    for seed in range(6):
        network = random_graph(seed, streaming=seed % 2 == 0)
        (folder / "test.modl").write_bytes(model_section(network, compact=seed % 3 == 0))
        run([build / "fuzz_model", folder / "test.modl", "300", "5"])
    return build


def test_tests_in_c_reach_most_lines_of_the_core(exercised: Path) -> None:
    core = ROOT / "firmware" / "core"
    report = json.loads(
        run([sys.executable, "-m", "gcovr", "--root", core, "--filter", f"{core}/", "--json-summary", "-", exercised])
    )
    worst = sorted(report["files"], key=lambda file: file["line_percent"])[:5]
    assert report["line_percent"] >= MINIMUM_COVERAGE_PERCENT, [(f["filename"], f["line_percent"]) for f in worst]
