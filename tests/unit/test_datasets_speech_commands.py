# SPDX-License-Identifier: Apache-2.0
"""Speech Commands: the official split, both layouts, and refusals that say what to do."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from kws.audio import write_wav
from kws.datasets import audio_cache, speech_commands
from kws.datasets.speech_commands import speaker_of, which_set
from kws.errors import DatasetError

# Lines of the published lists of v0.02; those marked training are in neither.
PUBLISHED = {
    "right/a69b9b3e_nohash_0.wav": "validation",
    "right/439c84f4_nohash_1.wav": "validation",
    "right/ff2b842e_nohash_3.wav": "validation",
    "eight/5b32733e_nohash_0.wav": "validation",
    "right/060cd039_nohash_0.wav": "validation",
    "right/bb05582b_nohash_3.wav": "testing",
    "right/97f4c236_nohash_2.wav": "testing",
    "right/893705bb_nohash_8.wav": "testing",
    "eight/4c6167ca_nohash_7.wav": "testing",
    "right/0c40e715_nohash_1.wav": "testing",
    "bed/0135f3f2_nohash_0.wav": "training",
    "bed/014f9f65_nohash_0.wav": "training",
}


def write_clip(path: Path, value: int, num_samples: int = 160) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_wav(path, np.full(num_samples, value, np.int16))


def archive_layout(folder: Path) -> Path:
    for index, name in enumerate(PUBLISHED):
        write_clip(folder / name, index + 1)
    write_clip(folder / "_background_noise_" / "hum.wav", 9)
    write_clip(folder / "_background_noise_" / "x_nohash_0.wav", 9)
    return folder


def manifest_layout(folder: Path, rows: list[dict[str, str]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["path", "word", "speaker", "split"])
        writer.writeheader()
        writer.writerows(rows)
    return folder


@pytest.mark.parametrize(("name", "split"), PUBLISHED.items())
def test_the_split_rule_gives_the_published_lists(name: str, split: str) -> None:
    assert which_set(name) == split


def test_all_takes_of_a_speaker_share_a_split_whatever_the_word_and_suffix() -> None:
    names = [
        f"{word}/a69b9b3e_nohash_{take}.{suffix}"
        for word in ("a", "b")
        for take in (0, 7)
        for suffix in ("wav", "flac")
    ]
    assert {which_set(name) for name in names} == {"validation"}
    assert {speaker_of(name) for name in names} == {"a69b9b3e"}


def test_split_shares_are_about_80_10_10() -> None:
    splits = [which_set(f"{number:08x}_nohash_0.wav") for number in range(5000)]
    assert 0.085 < splits.count("validation") / 5000 < 0.115
    assert 0.085 < splits.count("testing") / 5000 < 0.115


def test_the_archive_layout_is_read_in_sorted_order_with_its_noise(tmp_path: Path) -> None:
    corpus = speech_commands.open_folder(archive_layout(tmp_path))
    assert [f"{clip.word}/{clip.path.name}" for clip in corpus.clips] == sorted(PUBLISHED)
    assert [clip.split for clip in corpus.clips] == [PUBLISHED[name] for name in sorted(PUBLISHED)]
    assert [path.name for path in corpus.noise] == ["hum.wav", "x_nohash_0.wav"]


def test_a_manifest_decides_words_and_splits_and_noise_may_lie_beside(tmp_path: Path) -> None:
    folder = tmp_path / "speech_commands"
    write_clip(folder / "yes" / "a.wav", 1)
    write_clip(tmp_path / "background_noise" / "hum.wav", 2)
    manifest_layout(folder, [{"path": "yes/a.wav", "word": "yes", "speaker": "a", "split": "validation"}])
    for start in (folder, tmp_path):
        corpus = speech_commands.open_folder(start)
        assert [(clip.word, clip.split) for clip in corpus.clips] == [("yes", "validation")]
        assert [path.name for path in corpus.noise] == ["hum.wav"]


def test_recordings_of_ones_own_need_no_special_names(tmp_path: Path) -> None:
    for name in ("hey nova/kitchen 1.wav", "hey nova/kitchen 2.wav", "other/x.wav", "background_noise/hum.wav"):
        write_clip(tmp_path / name, 5)
    corpus = speech_commands.open_folder(tmp_path)
    assert corpus.words() == ["hey nova", "other"]
    assert [clip.speaker for clip in corpus.clips] == ["kitchen 1", "kitchen 2", "x"]
    assert [path.name for path in corpus.noise] == ["hum.wav"]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"path": "../secret.wav", "word": "yes", "speaker": "a", "split": "training"}, "leaves the folder"),
        ({"path": "yes/gone.wav", "word": "yes", "speaker": "a", "split": "training"}, "missing"),
        ({"path": "yes/a.wav", "word": "yes", "speaker": "a", "split": "train"}, "'train'"),
    ],
)
def test_a_broken_manifest_is_refused_naming_the_line(tmp_path: Path, row: dict[str, str], says: str) -> None:
    write_clip(tmp_path / "yes" / "a.wav", 1)
    manifest_layout(tmp_path, [row])
    with pytest.raises(DatasetError, match=f"line 2.*{says}"):
        speech_commands.open_folder(tmp_path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is not there"),
        (b"path,word,split\n", "speaker is not there"),
        (b"path,word,speaker,split\nyes/\xe9.wav,yes,a,training\n", "expected text in UTF-8"),
        (b"path,word,speaker,split\nyes/a\0.wav,yes,a,training\n", "zero bytes"),
        (b"path,word,speaker,split\n" + b"x" * 200_000 + b",yes,a,training\n", "not CSV after line 1"),
        (b"path,word,speaker,split\nyes/a.wav,yes,a,training\nyes/a.wav,no,a,validation\n", "line 3: .* already"),
    ],
    ids=["empty", "column", "latin", "zero", "long", "twice"],
)
def test_a_manifest_that_cannot_be_meant_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    write_clip(tmp_path / "yes" / "a.wav", 1)
    (tmp_path / "manifest.csv").write_bytes(content)
    with pytest.raises(DatasetError, match=says):
        speech_commands.open_folder(tmp_path)


def test_a_manifest_saved_by_a_spreadsheet_and_names_that_are_no_utf8_are_read(tmp_path: Path) -> None:
    write_clip(tmp_path / "yes" / "a.wav", 1)
    (tmp_path / "manifest.csv").write_bytes(b"\xef\xbb\xbfpath,word,speaker,split\r\nyes/a.wav,yes,a,training\r\n")
    assert speech_commands.open_folder(tmp_path).words() == ["yes"]
    (tmp_path / "manifest.csv").unlink()
    (tmp_path / "yes" / "a.wav").rename(os.fsdecode(os.fsencode(tmp_path) + b"/yes/caf\xe9.wav"))
    assert [clip.word for clip in speech_commands.open_folder(tmp_path).clips] == ["yes"]


def test_missing_and_empty_folders_are_refused_with_advice(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="kws dataset download"):
        speech_commands.open_folder(tmp_path / "gone")
    with pytest.raises(DatasetError, match="found no clips; name the folder that holds the word folders"):
        speech_commands.open_folder(tmp_path)


def test_the_folder_given_to_download_opens_with_its_newest_version(tmp_path: Path) -> None:
    for version, word in (("0.01", "old"), ("0.02", "new")):
        write_clip(tmp_path / f"speech_commands_v{version}" / word / "a_nohash_0.wav", 1)
    assert speech_commands.open_folder(tmp_path).words() == ["new"]
    assert speech_commands.fetch("0.01", tmp_path).words() == ["old"]


def test_an_unknown_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"0\.01, 0\.02"):
        speech_commands.fetch("3", tmp_path)


def test_the_cache_pads_cuts_and_is_reused_until_a_file_changes(tmp_path: Path) -> None:
    corpus = speech_commands.open_folder(archive_layout(tmp_path / "data"))
    first = audio_cache.load(corpus, clip_samples=200, folder=tmp_path / "cache")
    assert first.samples.shape == (len(corpus.clips), 200)
    assert (first.samples[:, 160:] == 0).all()
    assert audio_cache.load(corpus, clip_samples=100, folder=tmp_path / "cache").samples.all()
    files = sorted((tmp_path / "cache").iterdir())
    again = audio_cache.load(corpus, clip_samples=200, folder=tmp_path / "cache")
    assert again.sha256 == first.sha256
    assert sorted((tmp_path / "cache").iterdir()) == files
    write_clip(corpus.clips[0].path, 77, num_samples=150)
    changed = audio_cache.load(corpus, clip_samples=200, folder=tmp_path / "cache")
    assert changed.sha256 != first.sha256
    assert changed.samples[0, 0] == 77
