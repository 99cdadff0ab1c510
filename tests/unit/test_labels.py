# SPDX-License-Identifier: Apache-2.0
"""Names of labels: spellings of one label meet, quiet ones are known, lists are read from any editor's file."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws.errors import ConfigError, KwsWarning
from kws.importer.bundle import default_decision
from kws.labels import Labels, check_distinct, fold, folder_name, is_quiet, read_labels, role_of
from kws.training.wakeword.config import make_project

PHRASES = st.text(min_size=1, max_size=12).filter(lambda text: any(character.isalnum() for character in text))


@pytest.mark.parametrize(
    ("label", "spelling"),
    [
        ("hey nova", "hey_nova"),
        ("hey nova", "Hey Nova"),
        ("hey nova", "hey-nova"),
        ("hey nova", "  HEY  NOVA "),
        ("yes", "\ufeffyes"),
        ("größer", unicodedata.normalize("NFD", "GRÖSSER")),
        ("café", unicodedata.normalize("NFD", "Café")),
        ("what's up?", "what's up_"),
    ],
)
def test_spellings_of_one_label_are_one(label: str, spelling: str) -> None:
    assert Labels(["other", label]).find(spelling) == label


@pytest.mark.parametrize(("one", "other"), [("on", "off"), ("hey nova", "heynova"), ("a1", "a 1"), ("no", "now")])
def test_different_words_stay_different(one: str, other: str) -> None:
    assert Labels([one]).find(other) is None


@given(PHRASES)
def test_the_folder_of_any_phrase_leads_back_to_its_label_however_the_disk_spells_it(phrase: str) -> None:
    try:
        folder = folder_name(phrase)
    except ConfigError:
        return
    assert not set(folder) & set('/\\:*?"<>|\0')
    assert folder not in (".", "..")
    for form in ("NFC", "NFD"):
        assert Labels([phrase]).find(unicodedata.normalize(form, folder)) == phrase


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_what_was_taken_for_what_is_told_once() -> None:
    labels = Labels(["hey nova", "yes"])
    assert [labels.find(name) for name in ("hey_nova", "yes", "hey_nova")] == ["hey nova", "yes", "hey nova"]
    with pytest.warns(KwsWarning, match="took 'hey_nova' for 'hey nova'") as told:
        labels.tell_respelled("folders")
    assert len(told) == 1


@pytest.mark.parametrize("name", ["yes", "no", "off", "stop", "noise canceller", "1 yes", "background music off"])
def test_keywords_are_not_quiet(name: str) -> None:
    assert not is_quiet(name)


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("silence", "silence"),
        ("_silence_", "silence"),
        ("_background_noise_", "silence"),
        ("0 Background Noise", "silence"),
        ("Background Noise", "silence"),
        ("noise", "silence"),
        ("\ufeffsilence", "silence"),
        ("_unknown_", "unknown"),
        ("Unknown", "unknown"),
        ("_other_", "unknown"),
        ("z_openset", "unknown"),
    ],
)
def test_labels_that_tools_write_for_no_keyword_are_quiet_and_never_fire(name: str, role: str) -> None:
    assert role_of(name) == role
    assert default_decision([name, "yes"]).operating_points[0].thresholds[0] == 0


def test_words_map_to_labels_as_in_speech_commands_whatever_the_quiet_ones_are_called() -> None:
    labels = Labels(["_silence_", "_unknown_", "left"])
    assert [labels.of_word(word) for word in ("Left", "cat", "_background_noise_", "noise")] == [
        "left",
        "_unknown_",
        "_silence_",
        "_silence_",
    ]
    assert Labels(["unknown", "hey nova"]).of_word("_silence_") == "unknown"
    assert Labels(["left", "right"]).of_word("cat") is None


@pytest.mark.parametrize("labels", [["yes", "yes"], ["hey nova", "Hey_Nova"], ["a", "b", "A"]])
def test_two_spellings_of_one_label_are_refused(labels: list[str]) -> None:
    with pytest.raises(ConfigError, match="are one label"):
        check_distinct(labels)


def test_two_phrases_with_one_label_are_refused_before_anything_is_spoken() -> None:
    with pytest.raises(ConfigError, match="are one label"):
        make_project(("hey nova", "Hey Nova"))
    with pytest.raises(ConfigError, match="never fires"):
        make_project(("background noise",))


def test_a_bundle_that_would_never_fire_is_told() -> None:
    with pytest.warns(KwsWarning, match="never fire"):
        default_decision(["_silence_", "_unknown_"])


ROWS = ["silence", "unknown", "yes", "no"]


@pytest.mark.parametrize(
    "data",
    [
        "\n".join(ROWS).encode(),
        b"\xef\xbb\xbf" + "\r\n".join(ROWS).encode() + b"\r\n",
        "\r\n".join(ROWS).encode("utf-16"),
        "\n".join(ROWS).encode("utf-16-le"),
        "\n".join(ROWS).encode("utf-16-be"),
        "\r".join(ROWS).encode(),
        ",".join(ROWS).encode(),
        "\n".join(f"{i} {row}" for i, row in enumerate(ROWS)).encode(),
        ("\n\n" + "\n".join(f"  {row} " for row in ROWS) + "\n\n").encode(),
    ],
)
def test_label_files_of_any_editor_give_the_same_labels(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "labels.txt").write_bytes(data)
    assert read_labels(str(tmp_path / "labels.txt")) == ROWS


def test_labels_that_are_numbers_keep_them() -> None:
    assert read_labels("0,1,2") == ["0", "1", "2"]
    assert read_labels("1 yes,2 no") == ["1 yes", "2 no"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"yes\nh\xf6ren\n", "save it as UTF-8"),
        (b"", "got none"),
        (b"\x7fELF\x02\x01\x00\x00yes", "another kind of file"),
        (b"yes\nYES\n", "are one label"),
    ],
)
def test_what_is_no_label_file_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "labels.txt").write_bytes(data)
    with pytest.raises(ConfigError, match=message):
        read_labels(str(tmp_path / "labels.txt"))


@given(st.binary(max_size=200))
def test_any_bytes_as_a_label_file_give_labels_or_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any_labels.txt"
    path.write_bytes(data)
    try:
        labels = read_labels(str(path))
    except ConfigError:
        return
    assert labels
    assert all(label.strip() and not label.startswith("\ufeff") and "\0" not in label for label in labels)
    check_distinct(labels)


def test_a_missing_label_file_is_named() -> None:
    with pytest.raises(ConfigError, match=r"missing\.txt: no such file"):
        read_labels("missing.txt")
