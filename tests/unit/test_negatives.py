# SPDX-License-Identifier: Apache-2.0
"""Negatives come out of packages once, whole, on the side they belong to."""

import csv
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws.datasets import negatives
from kws.datasets.download import Archive
from kws.datasets.negative_corpora import CORPORA, Published, fetch_corpora
from kws.datasets.negative_packages import fetch_packages
from kws.datasets.negative_pieces import MANIFEST, Part
from kws.datasets.negative_repeats import Unheard
from kws.errors import DatasetError
from kws.features import Features, FeaturesConfig
from kws.training.wakeword.data import negative_features

RATE_HZ = 16000
FILM = Part(name="film", side="training", kind="acted speech", language="cs", licence="CC0")
SONGS = Part(name="songs", side="report", kind="music", language="-", licence="CC0", folders=("music",))


def tone(seconds: float, hz: float, rate_hz: int = RATE_HZ) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz)).astype(np.float32)


def music(seconds: int, seed: int) -> np.ndarray:
    """Noise that repeats nothing."""
    return np.random.default_rng(seed).normal(0.0, 0.1, seconds * RATE_HZ).astype(np.float32)


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Real Debian packages behind an apt-get that copies them from a folder."""
    shelf = tmp_path / "shelf"
    for name, files in {
        "film": {"share/film/b.flac": tone(2.0, 300), "share/film/a.ogg": tone(1.0, 500)},
        "songs": {"share/songs/music/m.wav": music(700, 5), "share/songs/effects/e.wav": tone(3.0, 200)},
        "silent": {},
    }.items():
        root = tmp_path / "build" / name
        (root / "DEBIAN").mkdir(parents=True)
        (root / "DEBIAN" / "control").write_text(
            f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: t <t@example.org>\nDescription: {name}\n"
        )
        notice = root / "usr" / "share" / "doc" / name / "copyright"
        notice.parent.mkdir(parents=True)
        notice.write_text(f"{name} is free\n")
        for path, samples in files.items():
            place = root / "usr" / path
            place.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(place, samples, RATE_HZ)
        shelf.mkdir(exist_ok=True)
        subprocess.run(["dpkg-deb", "-Znone", "-b", root, shelf / f"{name}_1_all.deb"], check=True, capture_output=True)
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "apt-get").write_text(
        f'#!/bin/sh\necho "$3" >> {shelf}/asked\n'
        f'cp {shelf}/"$3"_1_all.deb . || {{ echo "E: no such package" >&2; exit 100; }}\n'
    )
    (tools / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    return shelf


def test_packages_become_pieces_with_a_list_of_what_lies_where(apt: Path, tmp_path: Path) -> None:
    folder = fetch_packages(tmp_path / "out", packages=(FILM, SONGS))
    film = folder / "training" / "film"
    with (film / "parts.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [Path(row["source"]).name for row in rows] == ["a.ogg", "b.flac"]
    assert float(rows[0]["end_s"]) == pytest.approx(1.0, abs=0.01)
    assert float(rows[1]["start_s"]) == pytest.approx(1.3, abs=0.01)  # 0.3 s of silence between
    samples, rate_hz = soundfile.read(film / "film-000.flac", dtype="int16")
    assert rate_hz == RATE_HZ
    assert np.abs(samples[round(1.05 * RATE_HZ) : round(1.25 * RATE_HZ)]).max() == 0
    assert (film / "copyright").read_text() == "film is free\n"
    songs = sorted((folder / "report" / "songs").glob("*.flac"))
    assert [round(soundfile.info(path).duration) for path in songs] == [600, 100]  # effects are not music


def test_what_is_there_is_not_fetched_again(apt: Path, tmp_path: Path) -> None:
    for _ in range(2):
        fetch_packages(tmp_path / "out", packages=(FILM,))
    assert (apt / "asked").read_text().splitlines() == ["film"]


def test_sides_kinds_and_hours_are_read_back(apt: Path, tmp_path: Path) -> None:
    opened = negatives.open_folder(fetch_packages(tmp_path / "out", packages=(FILM, SONGS)))
    assert list(opened.files["training"]) == ["acted speech (cs)"]
    assert list(opened.files["report"]) == ["music"]
    assert opened.hours["report"] == pytest.approx(700 / 3600, abs=0.001)
    (film,) = opened.files["training"]["acted speech (cs)"]
    manifest = film.parent / MANIFEST
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"sha256": "other"}))
    assert negatives.open_folder(tmp_path / "out").sha256 != opened.sha256
    film.write_bytes(b"no audio")
    with pytest.raises(DatasetError, match="cannot be read"):
        negatives.draw_pieces([film], 1, 1.0, seed=0)
    film.unlink()
    with pytest.raises(DatasetError, match="its recordings are gone"):
        negatives.open_folder(tmp_path / "out")
    shutil.rmtree(film.parent)
    without = negatives.open_folder(tmp_path / "out")
    assert negative_features(without, FeaturesConfig()).shape == (0, FeaturesConfig().num_features)


def test_what_music_repeats_is_left_out() -> None:
    verse, chorus, other = music(14, 1), music(11, 2), music(13, 3)
    drum, quiet = music(3, 4), np.zeros(25 * RATE_HZ, np.float32)
    unheard = Unheard()
    parts = {
        "loop": np.concatenate([verse, chorus, verse, 0.5 * chorus]),  # as loud as you like
        "medley": np.concatenate([other, chorus, drum, verse]),
        "drums": np.concatenate([drum, drum, drum, drum]),  # ten seconds and more must come again
        "quiet": quiet,
        "short": verse[: 9 * RATE_HZ],
    }
    kept = list(unheard.of(parts.items()))
    lengths = [(name, samples.size // RATE_HZ) for name, samples in kept]
    assert lengths == [("loop", 25), ("medley", 13), ("medley", 3), ("drums", 12), ("quiet", 25), ("short", 9)]
    assert np.array_equal(kept[0][1], parts["loop"][: 25 * RATE_HZ])
    assert np.array_equal(kept[2][1], drum)
    assert unheard.repeated_s == 25 + 11 + 14


def test_report_music_of_before_is_decoded_again(apt: Path, tmp_path: Path) -> None:
    folder = fetch_packages(tmp_path / "out", packages=(FILM, SONGS))
    manifest = folder / "report" / "songs" / MANIFEST
    written = json.loads(manifest.read_text())
    del written["repeated_hours"]
    manifest.write_text(json.dumps(written))
    fetch_packages(folder, packages=(FILM, SONGS))
    assert (apt / "asked").read_text().splitlines() == ["film", "songs", "songs"]
    assert "repeated_hours" in json.loads(manifest.read_text())


def test_a_broken_manifest_names_its_file(apt: Path, tmp_path: Path) -> None:
    folder = fetch_packages(tmp_path / "out", packages=(FILM,))
    (folder / "training" / "film" / MANIFEST).write_text("{")
    with pytest.raises(DatasetError, match=r"film/manifest\.json: cannot be read"):
        negatives.open_folder(folder)


def test_a_package_that_apt_does_not_have_is_named_with_what_it_said(apt: Path, tmp_path: Path) -> None:
    gone = Part(name="gone", side="report", kind="music", language="-", licence="CC0")
    with pytest.raises(DatasetError, match=r"apt-get download -q failed \(E: no such package\); run `apt-get update`"):
        fetch_packages(tmp_path / "out", packages=(gone,))
    assert not list((tmp_path / "out").glob("*/gone"))


def test_a_package_without_audio_is_refused(apt: Path, tmp_path: Path) -> None:
    silent = Part(name="silent", side="report", kind="music", language="-", licence="CC0")
    with pytest.raises(DatasetError, match="silent: no audio found"):
        fetch_packages(tmp_path / "out", packages=(silent,))


def test_systems_without_apt_are_told_what_else_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DatasetError, match="--source librispeech"):
        fetch_packages(tmp_path / "out", packages=(FILM,))


def test_features_are_made_once_and_pieces_are_the_same_for_a_seed(
    apt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KWS_CACHE", str(tmp_path / "cache"))
    opened = negatives.open_folder(fetch_packages(tmp_path / "out", packages=(FILM, SONGS)))
    made = negative_features(opened, FeaturesConfig())
    samples = soundfile.read(tmp_path / "out" / "training" / "film" / "film-000.flac", dtype="int16")[0]
    assert np.array_equal(made, Features(FeaturesConfig()).compute(samples))
    (tmp_path / "out" / "training" / "film" / "film-000.flac").unlink()
    assert np.array_equal(negative_features(opened, FeaturesConfig()), made)


def test_pieces_come_from_the_training_side_only(apt: Path, tmp_path: Path) -> None:
    opened = negatives.open_folder(fetch_packages(tmp_path / "out", packages=(FILM, SONGS)))
    pieces, again = (negatives.draw_pieces(negatives.training_files(opened), 5, 0.5, seed=1) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(pieces, again, strict=True))
    film = soundfile.read(tmp_path / "out" / "training" / "film" / "film-000.flac", dtype="int16")[0].tobytes()
    assert all(piece.size == RATE_HZ // 2 and piece.tobytes() in film for piece in pieces)


@pytest.fixture
def published(tmp_path: Path) -> Published:
    """An archive in a folder, as a server would have it: two parts and something that belongs to neither."""
    root = tmp_path / "server" / "songs-and-talk"
    for path, samples in {
        "talk/a.flac": tone(2.0, 300),
        "songs/b.wav": tone(3.0, 400),
        "x/c.wav": tone(9.0, 1),
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(root / path, samples, RATE_HZ)
    (root / "LICENSE").write_text("free\n")
    archive = tmp_path / "server" / "both.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(root, root.name)
    digest = hashlib.md5(archive.read_bytes(), usedforsecurity=False).hexdigest()
    talk = Part(
        name="talk",
        side="report",
        kind="read speech",
        language="en",
        licence="CC0",
        folders=("/talk/",),
        notices="*/LICENSE",
    )
    songs = Part(name="songs", side="training", kind="music", language="-", licence="CC0", folders=("/songs/",))
    return Published(archive=Archive(url=archive.as_uri(), checksum=f"md5:{digest}"), parts=(talk, songs))


def test_a_published_archive_is_split_into_its_parts_and_not_kept(published: Published, tmp_path: Path) -> None:
    folder = fetch_corpora(tmp_path / "out", corpora=(published,))
    opened = negatives.open_folder(folder)
    assert opened.hours == {
        "training": pytest.approx(3 / 3600, abs=0.001),
        "calibration": 0.0,
        "report": pytest.approx(2 / 3600, abs=0.001),
    }
    assert (folder / "report" / "talk" / "copyright").read_text() == "free\n"
    assert sorted(path.name for path in folder.iterdir()) == ["report", "training"]
    (tmp_path / "server" / "both.tar.gz").unlink()
    fetch_corpora(folder, corpora=(published,))  # everything is there: nothing is asked for


def test_an_archive_that_is_not_the_published_one_teaches_nothing(published: Published, tmp_path: Path) -> None:
    (tmp_path / "server" / "both.tar.gz").write_bytes(b"something else")
    with pytest.raises(DatasetError, match=r"both.tar.gz: expected md5:"):
        fetch_corpora(tmp_path / "out", corpora=(published,))


@pytest.mark.parametrize("source", CORPORA)
def test_every_source_has_audio_to_learn_from_to_calibrate_and_to_report_on(source: str) -> None:
    parts = [part for published in CORPORA[source] for part in published.parts]
    assert {part.side for part in parts} == {"training", "calibration", "report"}
    assert len({part.name for part in parts}) == len(parts)
    for published in CORPORA[source]:
        algorithm, digest = published.archive.checksum.split(":")
        assert len(bytes.fromhex(digest)) == hashlib.new(algorithm, usedforsecurity=False).digest_size
