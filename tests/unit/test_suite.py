# SPDX-License-Identifier: Apache-2.0
"""What a suite and a pool of boards may say, and which recordings with which tags they name."""

from __future__ import annotations

import tomllib
from pathlib import Path

import jsonschema
import pytest
from suite_fixtures import SUITE, suite_of, write_recordings

from kws.bundle import Bundle
from kws.errors import ConfigError, KwsWarning
from kws.evaluation.listening import listening_of
from kws.suite.keys import Key, check, json_schema
from kws.suite.pool import KEYS as POOL_KEYS
from kws.suite.pool import read_pool
from kws.suite.run import RunOptions, run_suite
from kws.suite.sources import recordings_of
from kws.suite.suite import KEYS, read_suite, suite_schema

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path, streaming_bundle: Bundle) -> Path:
    return write_recordings(tmp_path, streaming_bundle)


# -- what a suite may say -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("recordings = []", "'bundle' (.*) and it is missing"),
        ('bundle = "m"', "'recordings' (.*) and it is missing"),
        ('bundle = "m"\nrecordings = []', "'recordings' (.*) and it is missing"),
        ('bundle = "m"\nbord = "host"', "unknown key 'bord', expected one of bundle, board"),
        ('bundle = "m"\nrecordings = "c"', "recordings: expected a list of tables and got 'c'"),
        ('bundle = "m"\n[[recordings]]\npaths = "c"', "number 1: paths: expected a list of texts and got 'c'"),
        ('bundle = "m"\n[[recordings]]\npaths = ["c"]\ntags = { a = true }', "tags: expected a table of texts or num"),
        (SUITE + "[gates]\nmin_accuracy = 'high'", "min_accuracy: expected a number and got 'high'"),
        (SUITE + "[gates]\nmin_accuracy = 95", "min_accuracy: expected 0 to 1 and got 95"),
        (SUITE + "[gates]\nmax_dropped_samples = true", "expected a whole number and got True"),
        (SUITE + "[gates.words.left]\nmax_ram_bytes = 5", r"words.left: unknown key 'max_ram_bytes'"),
        (SUITE + "[[gates.slices]]\nmin_accuracy = 1", "'where'"),
        (SUITE + "[[known_failures]]\nrecording = 'x'", "'reason'"),
        ('board = "host"\nboards = "b.toml"' + SUITE, "expected board, or boards, and got both"),
        ("not toml", "cannot be read as a suite"),
    ],
)
def test_a_wrong_suite_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        suite_of(tmp_path, text=text)


def test_the_schema_for_editors_judges_as_the_reader_does(tmp_path: Path) -> None:
    schema = suite_schema()
    jsonschema.Draft7Validator.check_schema(schema)
    texts = [SUITE, SUITE + "[gates]\nmin_accuracy = 0.9", SUITE + "[gates]\nmin_accuracy = 95", SUITE + "x = 1"]
    texts += [SUITE + "[gates.words.left]\nmin_accuracy = 1", SUITE + "[[gates.slices]]\nmin_accuracy = 1"]
    texts += ['bundle = "m"', (ROOT / "examples/suite.toml").read_text(encoding="utf-8")]
    judged = []
    for text in texts:
        fits = jsonschema.Draft7Validator(schema).is_valid(tomllib.loads(text))
        try:
            suite_of(tmp_path, text=text)
        except ConfigError:
            assert not fits, text
        else:
            assert fits, text
        judged.append(fits)
    assert judged == [True, True, False, False, True, False, False, True]


def test_every_kind_of_key_is_checked_and_in_the_schema() -> None:
    right = {"text": "a", "texts": ["a"], "flag": True, "whole": 2, "number": 0.5, "tags": {"a": 1}}
    wrong = {"text": 1, "texts": [], "flag": 1, "whole": 1.5, "number": "1", "tags": {"a": [1]}}
    for kind, value in right.items():
        key = Key(name="k", kind=kind, what="w", required=True)  # type: ignore[arg-type]
        schema = json_schema([key], "t")
        check({"k": value}, [key], "file")
        assert jsonschema.Draft7Validator(schema).is_valid({"k": value})
        with pytest.raises(ConfigError, match="file: k: expected"):
            check({"k": wrong[kind]}, [key], "file")
        assert not jsonschema.Draft7Validator(schema).is_valid({"k": wrong[kind]})


def names_of(keys: tuple[Key, ...]) -> set[str]:
    return {key.name for key in keys} | {name for key in keys for name in names_of(key.inside)}


def test_every_key_is_documented() -> None:
    text = (ROOT / "kws/suite/README.md").read_text(encoding="utf-8")
    for name in names_of(KEYS) | names_of(POOL_KEYS):
        assert f"`{name}`" in text, name


# -- recordings and tags ------------------------------------------------------------------------------------------


def test_clips_and_long_recordings_stand_side_by_side_under_their_paths(folder: Path, streaming_bundle: Bundle) -> None:
    recordings = recordings_of(suite_of(folder), listening_of(streaming_bundle))
    assert [recording.name for recording in recordings][-3:] == [
        "clips/right/ann_0.wav",
        "clips/right/bob_0.wav",
        "long.wav",
    ]
    assert recordings[0].expected == "unknown"  # cat
    assert recordings[0].tags == {"word": "cat", "speaker": "ann", "take": "0"}
    assert [window.label for window in recordings[-1].windows or ()] == ["left", "right"]
    assert recordings[-1].tags == {"noise": "kitchen", "distance_m": "2"}


def test_names_are_paths_from_the_suite_wherever_it_is_called_from(
    folder: Path, streaming_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "suites").mkdir()
    text = SUITE.replace('"random', '"../random').replace('["', '["../').replace('"truth', '"../truth')
    suite = suite_of(folder / "suites", text=text)
    names = [recording.name for recording in recordings_of(suite, listening_of(streaming_bundle))]
    assert names[-1] == "../long.wav"
    monkeypatch.chdir(folder / "suites")
    again = recordings_of(read_suite("suite.toml"), listening_of(streaming_bundle))
    assert [recording.name for recording in again] == names


def test_columns_of_a_truth_file_may_be_tags(folder: Path, streaming_bundle: Bundle) -> None:
    (folder / "truth.csv").write_text("file,label,start_s,end_s,speaker\nlong.wav,left,0.5,1,ann\n")
    suite = suite_of(folder, text=SUITE.replace("tags = {", 'tags_file = "truth.csv"\ntags = {'))
    (long,) = [r for r in recordings_of(suite, listening_of(streaming_bundle)) if r.name == "long.wav"]
    assert long.tags == {"noise": "kitchen", "distance_m": "2", "speaker": "ann"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SUITE + '[[recordings]]\npaths = ["clips/left"]', "clips/left/ann_0.wav is in two tables"),
        (SUITE.replace("{take}", "{take}x"), "does not end like tags_from_name"),
        (SUITE.replace("tags = {", 'tags_file = "tags.csv"\ntags = {'), "expected a line for long.wav"),
        (SUITE + "[[gates.slices]]\nwhere = { moon = 1 }\nmin_accuracy = 1", "tag 'moon', which no recording has"),
    ],
)
def test_recordings_that_cannot_be_told_apart_or_tagged_are_refused(
    folder: Path, streaming_bundle: Bundle, text: str, message: str
) -> None:
    (folder / "tags.csv").write_text("file,speaker\nother.wav,ann\n")
    with pytest.raises(ConfigError, match=message):
        recordings_of(suite_of(folder, text=text), listening_of(streaming_bundle))


def test_a_known_failure_that_is_no_recording_is_told(folder: Path, streaming_bundle: Bundle) -> None:
    suite = suite_of(folder, '[[known_failures]]\nrecording = "clips/lost/*"\nreason = "x"\n')
    with pytest.warns(KwsWarning, match="no recording is the known failure 'clips/lost/\\*'"):
        recordings_of(suite, listening_of(streaming_bundle))


# -- pools --------------------------------------------------------------------------------------------------------


def test_a_pool_is_read_with_so_many_of_a_kind(tmp_path: Path) -> None:
    (tmp_path / "b.toml").write_text(
        '[[boards]]\nboard = "native"\ncount = 2\n[[boards]]\nname = "desk"\nboard = "/dev/ttyACM7"\n'
        'flash = "nano33ble_sense"\n[[boards]]\nlabgrid = "env.yaml"\n'
    )
    places = read_pool(tmp_path / "b.toml")
    assert [place.name for place in places] == ["native-1", "native-2", "desk", "labgrid:main"]
    assert [place.is_program for place in places] == [True, True, False, False]
    assert places[2].flash == "nano33ble_sense"
    assert places[3].labgrid == tmp_path / "env.yaml"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[boards]]\nboard = "native"\n[[boards]]\nboard = "native"\n', "two boards are named 'native'"),
        ('[[boards]]\nboard = "/dev/ttyACM0"\ncount = 2\n', "a port has one board"),
        ("[[boards]]\ncount = 2\n", "expected board, or labgrid"),
        ("", "'boards' .* is missing"),
    ],
)
def test_a_wrong_pool_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "b.toml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_pool(tmp_path / "b.toml")


def test_several_of_one_port_are_refused(folder: Path) -> None:
    suite = suite_of(folder).on(board="/dev/ttyACM0")
    with pytest.raises(ConfigError, match="--jobs 2: /dev/ttyACM0 is one board"):
        run_suite(suite, RunOptions(log=folder / "log.jsonl", jobs=2))
