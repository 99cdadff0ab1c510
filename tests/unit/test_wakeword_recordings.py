# SPDX-License-Identifier: Apache-2.0
"""What a user brings to a word: takes, copies of them, ambient sound, and what it woke at before."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from kws.audio import write_wav
from kws.datasets import recordings
from kws.datasets.ambient import read_ambient
from kws.datasets.copies import find_takes
from kws.datasets.heard import read_heard
from kws.errors import AudioError, DatasetError, KwsWarning
from kws.training.wakeword import examples as example_scenes
from kws.training.wakeword.given import read_given

QUIET = Console(quiet=True)


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-3000, 3000, round(seconds * 16000)).astype(np.int16)


def test_long_ambient_audio_is_cut_and_short_files_stay_whole(tmp_path: Path) -> None:
    write_wav(tmp_path / "radio.wav", noise(80.0))
    write_wav(tmp_path / "word.wav", noise(1.0))
    ambient = read_ambient([tmp_path])
    assert [path.name for path in ambient.files] == ["radio.wav", "word.wav"]
    assert ambient.training_hours * 3600 == pytest.approx(60.0, abs=1.3)
    assert ambient.validation_hours * 3600 == pytest.approx(20.0, abs=1.3)
    with pytest.raises(AudioError, match="no such file"):
        read_ambient([tmp_path / "nowhere"])


def test_renamed_ambient_files_on_other_sides_are_other_data(tmp_path: Path) -> None:
    heard = []
    for name in ("room", "kitchen", "room"):
        for number in range(4):
            (tmp_path / name).mkdir(exist_ok=True)
            write_wav(tmp_path / name / f"{name}{number}.wav", noise(1.0, number))
        heard.append(read_ambient([tmp_path / name]))
    room, kitchen, again = heard
    assert room.training.size != kitchen.training.size
    assert room.sha256 == again.sha256 != kitchen.sha256


def test_takes_on_another_side_or_of_another_word_are_other_data(tmp_path: Path) -> None:
    takes = [
        recordings.Take(path=tmp_path, label="nova", samples=noise(0.1, number), held_out=False) for number in range(2)
    ]
    first = recordings.digest(takes)
    assert recordings.digest([takes[0], replace(takes[1], path=tmp_path / "renamed")]) == first
    assert recordings.digest([takes[0], replace(takes[1], held_out=True)]) != first
    assert recordings.digest([takes[0], replace(takes[1], label="jarvis")]) != first


def spoken(seconds: float, seed: int = 0) -> np.ndarray:
    silence = np.zeros(8000, np.int16)
    return np.concatenate([silence, noise(seconds, seed), silence])


def test_takes_are_trimmed_converted_and_one_in_five_is_held_out(tmp_path: Path) -> None:
    folder = tmp_path / "hey_nova"
    folder.mkdir()
    for number in range(10):
        write_wav(folder / f"take{number}.wav", spoken(0.6, number), sample_rate_hz=16000)
    takes = recordings.hold_out(recordings.read_recordings(tmp_path, ["hey nova"]), ["hey nova"])
    assert len(takes) == 10
    assert sum(take.held_out for take in takes) == 2
    assert all(take.samples.size == pytest.approx(0.64 * 16000, abs=480) for take in takes)


def test_takes_at_another_rate_are_converted(tmp_path: Path) -> None:
    write_wav(tmp_path / "take.wav", np.repeat(spoken(0.6), 3), sample_rate_hz=48000)
    (take,) = recordings.hold_out(recordings.read_recordings(tmp_path, ["nova"]), ["nova"])
    assert take.samples.size == pytest.approx(0.64 * 16000, abs=480)
    assert not take.held_out  # too few to give one away


def test_a_recording_too_long_for_a_word_is_set_aside(tmp_path: Path) -> None:
    for number in range(3):
        write_wav(tmp_path / f"take{number}.wav", spoken(5.0 if number == 1 else 0.6, number))
    with pytest.warns(KwsWarning, match=r"take1\.wav: set aside"):
        takes = recordings.read_recordings(tmp_path, ["nova"])
    assert [take.path.name for take in takes] == ["take0.wav", "take2.wav"]


def test_copies_are_found_however_they_were_cut_and_stay_on_one_side(tmp_path: Path) -> None:
    seeds = [0, 1, 2, 0, 3, 4, 5, 2, 6, 7, 8, 9]
    sounds = [spoken(0.6, seed) for seed in seeds]
    sounds[3] = (sounds[3][5000:17000] * 0.4).astype(np.int16)  # quieter, cut elsewhere
    sounds[7] = np.concatenate([np.zeros(2345, np.int16), sounds[7]])  # later
    assert find_takes(sounds).tolist() == [0, 1, 2, 0, 4, 5, 6, 2, 8, 9, 10, 11]
    for number, samples in enumerate(sounds):
        write_wav(tmp_path / f"take{number:02d}.wav", samples)
    sides: dict[int, set[bool]] = {}
    with pytest.warns(KwsWarning, match="2 recordings hold a take"):
        takes = recordings.hold_out(recordings.read_recordings(tmp_path, ["nova"]), ["nova"])
    for seed, take in zip(seeds, takes, strict=True):
        sides.setdefault(seed, set()).add(take.held_out)
    assert all(len(side) == 1 for side in sides.values())
    assert sum(side == {True} for side in sides.values()) == 2


def test_a_take_that_was_given_twice_is_on_one_side(tmp_path: Path) -> None:
    for number in range(10):
        for folder, before in (("takes", 0), ("heard", 900)):
            place = tmp_path / folder / "nova"
            place.mkdir(parents=True, exist_ok=True)
            copy = np.concatenate([np.zeros(before, np.int16), spoken(0.6, number)])
            write_wav(place / f"{folder}{number}.wav", copy)
    with pytest.warns(KwsWarning, match="10 recordings hold a take that another holds too"):
        given = read_given(tmp_path / "takes", tmp_path / "heard", ["nova"], [], None, QUIET)
    assert len(given.takes) == 20
    sides = [take.held_out for take in given.takes]
    assert sides[:10] == sides[10:]
    assert sum(sides) == 4


def test_takes_of_the_word_are_refused_as_ambient_audio_and_other_sound_is_not(tmp_path: Path) -> None:
    for seed, place in enumerate(("takes/nova", "heard/nova", "heard/no")):
        (tmp_path / place).mkdir(parents=True)
        write_wav(tmp_path / place / "a.wav", spoken(0.6, seed))
    told = Console(file=io.StringIO(), width=200)
    given = read_given(tmp_path / "takes", tmp_path / "heard", ["nova", "up"], [tmp_path / "heard/no"], None, told)
    assert [take.label for take in given.takes] == ["nova", "nova", "unknown"]
    assert "recordings: 1 of 'nova', none of 'up'" in told.file.getvalue()
    for name in ("takes", "heard"):
        with pytest.raises(DatasetError, match="is a take of 'nova'"):
            read_given(tmp_path / "takes", tmp_path / "heard", ["nova"], [tmp_path / name], None, QUIET)


def test_a_take_has_the_number_of_its_first_recording_also_where_two_turn_out_to_be_one() -> None:
    first, second, third = (noise(0.6, seed).astype(np.float64) for seed in range(3))
    like_first = (first + third) / 2  # correlations of 0.7, and 0.5 of the last with the first
    sounds = [first, second, like_first, (2**0.5 * like_first + second) / 2]
    assert find_takes([sound.astype(np.int16) for sound in sounds]).tolist() == [0, 0, 0, 0]
    assert find_takes([sound.astype(np.int16) for sound in sounds[:3]]).tolist() == [0, 1, 0]


def test_what_it_woke_at_and_missed_teaches_by_its_label(tmp_path: Path) -> None:
    for number, name in enumerate(["Hey_Nova", "Hey_Nova", "no", "television"]):
        (tmp_path / name).mkdir(exist_ok=True)
        write_wav(tmp_path / name / f"{number}.wav", spoken(0.6 if name == "Hey_Nova" else 5.0, number))
    takes = read_heard(tmp_path, ["hey nova"])
    assert [take.label for take in takes] == ["hey nova", "hey nova", "unknown", "unknown"]
    assert [take.samples.size for take in takes[2:]] == [64000, 64000]
    (tmp_path / "near_misses").mkdir()
    write_wav(tmp_path / "near_misses" / "4.wav", spoken(0.6, 4))
    with pytest.warns(KwsWarning, match="1 recording without a label"):
        assert len(read_heard(tmp_path, ["hey nova"])) == 4
    (tmp_path / "labels.csv").write_text("path,label\nno/2.wav,hey jo\nHey_Nova/0.wav,HEY NOVA\n")
    assert [(take.path.name, take.label) for take in read_heard(tmp_path, ["hey nova"])] == [
        ("0.wav", "hey nova"),
        ("2.wav", "unknown"),
    ]
    orders = example_scenes.plan_recordings([1, 0], 2)
    assert [(order.source, order.label) for order in orders] == [("recording", 1)] * 2 + [("heard", 0)] * 2


def test_unusable_labels_of_what_was_heard_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="found none"):
        read_heard(tmp_path / "nowhere", ["nova"])
    (tmp_path / "labels.csv").write_text("file,label\n1.wav,nova\n")
    with pytest.raises(DatasetError, match="path is not there"):
        read_heard(tmp_path, ["nova"])
    (tmp_path / "labels.csv").write_text("path,label\n1.wav,nova\n")
    with pytest.raises(DatasetError, match=r"line 2: .* take the row out"):
        read_heard(tmp_path, ["nova"])
    write_wav(tmp_path / "1.wav", spoken(0.6))
    (tmp_path / "labels.csv").write_text("path,label\n1.wav,nova\n1.wav,no\n")
    with pytest.raises(DatasetError, match=r"line 3: .* has a label already"):
        read_heard(tmp_path, ["nova"])
    for nothing in (b"", bytes(range(256))):
        (tmp_path / "labels.csv").write_bytes(nothing)
        with pytest.raises(DatasetError, match=r"labels\.csv"):
            read_heard(tmp_path, ["nova"])


@pytest.mark.parametrize(
    ("samples", "message"), [(spoken(5.0), "is too long for one word"), (np.zeros(16000, np.int16), "silence")]
)
@pytest.mark.filterwarnings("ignore:.*set aside")
def test_five_second_words_and_silent_takes_alone_are_refused(
    tmp_path: Path, samples: np.ndarray, message: str
) -> None:
    write_wav(tmp_path / "take.wav", samples)
    with pytest.raises(DatasetError, match=message):
        recordings.read_recordings(tmp_path, ["nova"])


def test_a_missing_or_empty_folder_of_takes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="kws record"):
        recordings.read_recordings(tmp_path / "nowhere", ["nova"])
    with pytest.raises(DatasetError, match="found none"):
        recordings.read_recordings(tmp_path, ["nova"])
