# SPDX-License-Identifier: Apache-2.0
"""Names of labels: when two spellings are one, which labels never fire, and lists of them in files.

A phrase is typed in one place and met again as a folder, in a truth file, in a list for the importer. There it may
be written with an underscore for a space, in other case, or in the other Unicode form (macOS decomposes the accents
of file names). `Labels` finds the label that is meant, and tells once what it took for what.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from kws.errors import ConfigError, note
from kws.phrases import first_few
from kws.textfile import read_text

SILENCE = "silence"
UNKNOWN = "unknown"
NEAR_MISSES = "near_misses"
"""Folder of recordings at which a spotter nearly fired: nobody has said yet what they are."""
_QUIET_NAMES = {
    SILENCE: "silence silent no_speech noise noises background background_noise background_noises ambient "
    "ambient_noise",
    UNKNOWN: "unknown unknowns unknown_word unknown_words other others other_word other_words negative negatives none "
    "no_keyword not_a_keyword non_keyword nonkeyword garbage filler z_openset",
}
"""What tools call their labels for no speech and for other words."""
_SEPARATORS = re.compile(r"""[\s_\-/\\:*?"<>|\0-\x1f\x7f-\x9f]+""")
"""A space, what replaces one, and what no file name may hold on some system."""
_NUMBERED = re.compile(r"^(\d+)\s+(?=\S)")


def fold(name: str) -> str:
    """Return what all spellings of one label share: case, ``_`` or ``-`` for a space and Unicode form are no part."""
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    shown = "".join(character for character in text if unicodedata.category(character) != "Cf")
    return _SEPARATORS.sub(" ", shown).strip(" .") or text.strip()


def folder_name(label: str) -> str:
    """Return the folder that holds recordings of a label: ``hey nova`` becomes ``hey_nova``.

    Raises
    ------
    ConfigError
        If nothing of the label can stand in a file name.
    """
    name = re.sub(r"""[\s/\\:*?"<>|\0-\x1f\x7f-\x9f]+""", "_", unicodedata.normalize("NFC", label)).strip("._ ")
    if not name:
        raise ConfigError(f"{label!r}: expected a phrase with letters in it; type what is said")
    return name


def role_of(name: str) -> str | None:
    """Return `SILENCE` or `UNKNOWN` for names of labels that never fire, whatever tool wrote them; else None.

    ``_background_noise_``, ``0 Background Noise``, ``_unknown_``, ``Other`` are such names.
    """
    plain = _NUMBERED.sub("", fold(name)).replace(" ", "_")
    return next((role for role, names in _QUIET_NAMES.items() if plain in names.split()), None)


def is_quiet(label: str) -> bool:
    """Whether a label is one that never fires by its name."""
    return role_of(label) is not None


def check_distinct(labels: Sequence[str]) -> None:
    """Refuse two labels that are spellings of one: folders and truth files could not tell them apart.

    Raises
    ------
    ConfigError
        Naming the two.
    """
    seen: dict[str, str] = {}
    for label in labels:
        first = seen.setdefault(fold(label), label)
        if first is not label or labels.count(label) > 1:
            raise ConfigError(
                f"labels: {first!r} and {label!r} are one label (case, '_' and '-' make no difference); "
                "expected different ones, rename one"
            )


class Labels:
    """The labels of a bundle, found by any spelling.

    Parameters
    ----------
    labels : sequence of str
        In the order of the model's outputs.

    Attributes
    ----------
    respelled : dict
        What was looked up -> the label that it was taken for, where they differ.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = tuple(labels)
        self.respelled: dict[str, str] = {}
        self._folded: dict[str, list[str]] = {}
        for label in self.labels:
            self._folded.setdefault(fold(label), []).append(label)

    def find(self, name: str) -> str | None:
        """Return the label that a name means, or None.

        Raises
        ------
        ConfigError
            If the name is a spelling of two labels of an older bundle.
        """
        if name in self.labels:
            return name
        meant = self._folded.get(fold(name), [])
        if len(meant) > 1:
            raise ConfigError(f"{name!r}: expected one label and it may be {' or '.join(meant)}; spell it as it is")
        if meant:
            self.respelled[name] = meant[0]
        return meant[0] if meant else None

    def of_role(self, role: str) -> str | None:
        """Return the label that stands for silence or for unknown words, however it is spelled."""
        if role in self.labels:
            return role
        return next((label for label in self.labels if role_of(label) == role), None)

    def of_word(self, word: str) -> str | None:
        """Return the label of a clip by the word said in it: itself; silence for noise; unknown for any other word.

        None when the bundle has no such label, so the clip cannot be judged.
        """
        found = self.find(word)
        if found is not None:
            return found
        if role_of(word) == SILENCE:
            return self.of_role(SILENCE) or self.of_role(UNKNOWN)
        return self.of_role(UNKNOWN)

    def tell_respelled(self, where: str) -> None:
        """Say once, as a warning, which names were taken for which labels."""
        if self.respelled:
            pairs = [f"{name!r} for {label!r}" for name, label in sorted(self.respelled.items())]
            note(f"{where}: took {first_few(pairs)}")


def read_labels(option: str) -> list[str]:
    """Read labels in the order of a model's outputs: ``yes,no,silence``, or a file with one in each line.

    The file may be UTF-8 with or without byte-order mark, or UTF-16. Lines numbered from 0 in order (``0 Background
    Noise``, as Teachable Machine writes them) lose their numbers.

    Raises
    ------
    ConfigError
        If the file is missing, cannot be read, or holds no label.
    """
    path = Path(option)
    named_file = "," not in option and (path.is_file() or path.suffix != "" or len(path.parts) > 1)
    if named_file:
        lines = read_text(path, ConfigError).split("\n")
        parts = lines[0].split(",") if len([line for line in lines if line.strip()]) == 1 else lines
    else:
        parts = option.split(",")
    labels = _without_numbers([part.strip() for part in parts if part.strip()])
    if not labels:
        raise ConfigError(
            f"{option!r}: expected labels and got none; give 'yes,no,silence' or a file, one in each line"
        )
    for label in labels:
        if any(unicodedata.category(character) == "Cc" for character in label):
            raise ConfigError(f"{option}: expected labels as text and got {label!r}; is it another kind of file?")
    check_distinct(labels)
    return labels


def _without_numbers(labels: list[str]) -> list[str]:
    found = [_NUMBERED.match(label) for label in labels]
    if all(match is not None and int(match[1]) == index for index, match in enumerate(found)):
        return [_NUMBERED.sub("", label, count=1) for label in labels]
    return labels
