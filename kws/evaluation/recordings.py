# SPDX-License-Identifier: Apache-2.0
"""What to replay and what should be heard in it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from kws.audio import Samples, read_audio
from kws.audio_files import find_audio_by_root
from kws.errors import AudioError, ConfigError, EvaluationError, note
from kws.evaluation.listening import Listening
from kws.evaluation.truth import Window, within
from kws.evaluation.truth_files import Said, read_truth
from kws.files import StrPath, StrPaths, as_paths
from kws.labels import SILENCE, Labels, role_of
from kws.phrases import counted, first_few


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One file. At most one of ``expected`` and ``windows`` is given; with neither, events are only listed."""

    path: Path
    name: str
    """Short and unique, for tables."""
    expected: str | None = None
    """A clip of this label."""
    windows: tuple[Window, ...] | None = None
    """A stream with this truth."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """What a suite says of it: speaker, noise, distance, anything."""

    def load(self, sample_rate_hz: int) -> Samples:
        """Read the samples."""
        return read_audio(self.path, sample_rate_hz=sample_rate_hz)

    def within(self, num_samples: int, sample_rate_hz: int) -> Recording:
        """Hold the truth against the number of samples that were read; see `kws.evaluation.truth.within`.

        Raises
        ------
        EvaluationError
            If the truth reaches beyond the end of the recording.
        """
        if not self.windows:
            return self
        windows = within(self.windows, num_samples, name=self.name, sample_rate_hz=sample_rate_hz)
        return replace(self, windows=windows)


def find_recordings(
    paths: StrPaths,
    listening: Listening,
    *,
    truth: StrPath | None = None,
    truth_label: str | None = None,
    other_words: bool = False,
) -> list[Recording]:
    """Find the recordings that paths name and what is expected of each.

    Without a truth file, folder names are labels: a file in a folder named like a label of the bundle (in any case,
    with ``_`` for a space) is a clip of it; in a folder laid out like Speech Commands (some of its sub-folders are
    labels) the other sub-folders are ``unknown``, or ``silence`` for noise. Long recordings of noise are streams in
    which nothing is said. Anything else is replayed without expectation.

    Parameters
    ----------
    paths : sequence of path
        Files, or folders searched to any depth.
    listening : Listening
        Of the bundle.
    truth : path, optional
        See `kws.evaluation.truth_files`.
    truth_label : str, optional
        The label of windows in truth files that do not say.
    other_words : bool
        Whether the truth may hold words that are no labels of the bundle: nothing may fire in them.

    Returns
    -------
    list of Recording
        At least one.

    Raises
    ------
    AudioError
        If a path does not exist or holds no audio.
    EvaluationError
        If the truth file cannot be read, does not name one of the recordings, or names a label that the bundle lacks.
    ConfigError
        If there are options for a truth file and there is none.
    """
    if truth is None and truth_label is not None:
        raise ConfigError("--truth-label is the label of a truth file's windows; add --truth FILE")
    if truth is None and other_words:
        raise ConfigError("--other-words is about the words of a truth file; add --truth FILE")
    files = find_audio_by_root(as_paths(paths))
    names = stable_names(files)
    if truth is None:
        return _by_folder(files, names, listening)
    said = read_truth(Path(truth), label=truth_label, sample_rate_hz=listening.sample_rate_hz)
    judge = _TruthJudge(listening, Path(truth), other_words=other_words)
    found = [
        judge.recording(file, name, what)
        for (_, file), name, what in zip(files, names, said.assign([file for _, file in files]), strict=True)
    ]
    judge.tell()
    return found


# -- by folder --------------------------------------------------------------------------------------------------


def _by_folder(files: Sequence[tuple[Path, Path]], names: Sequence[str], listening: Listening) -> list[Recording]:
    finder = _FolderLabels(listening)
    found = [finder.recording(root, file, name) for (root, file), name in zip(files, names, strict=True)]
    finder.tell()
    return found


class _FolderLabels:
    """Labels by the names of folders."""

    def __init__(self, listening: Listening) -> None:
        self._listening = listening
        self._labels = Labels(listening.labels)
        self._laid_out: dict[Path, bool] = {}
        self._unjudged: Counter[str] = Counter()

    def recording(self, root: Path, file: Path, name: str) -> Recording:
        expected = self._label(root, file)
        word = _folder(file).name
        is_noise = expected is not None and role_of(expected) is not None and role_of(word) == SILENCE
        if is_noise and self._is_long(file):
            return Recording(path=file, name=name, windows=())
        return Recording(path=file, name=name, expected=expected)

    def tell(self) -> None:
        self._labels.tell_respelled("folders")
        if self._unjudged:
            how_many = counted(sum(self._unjudged.values()), "recording")
            note(
                f"{how_many} in {first_few(self._unjudged)} heard and not judged: the bundle has no label for them "
                f"(it has {', '.join(self._listening.labels)})"
            )

    def _label(self, root: Path, file: Path) -> str | None:
        folder = _folder(file)
        found = self._labels.find(folder.name)
        if found is not None or folder == _absolute(root) or _absolute(file) == _absolute(root):
            return found
        if not self._is_laid_out_by_word(folder.parent):
            return None
        label = self._labels.of_word(folder.name)
        if label is None:
            self._unjudged[folder.name] += 1
        return label

    def _is_laid_out_by_word(self, folder: Path) -> bool:
        if folder not in self._laid_out:
            known = Labels(self._listening.labels)  # one of its own: looking around is no respelling to tell of
            names = [place.name for place in folder.iterdir() if place.is_dir()]
            self._laid_out[folder] = any(known.find(name) is not None for name in names)
        return self._laid_out[folder]

    def _is_long(self, file: Path) -> bool:
        try:
            samples = read_audio(file, sample_rate_hz=self._listening.sample_rate_hz)
        except AudioError:  # it is named when it is to be heard
            return False
        return self._listening.is_long(samples.size)


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))


def _folder(file: Path) -> Path:
    return _absolute(file).parent


# -- by truth file ----------------------------------------------------------------------------------------------


class _TruthJudge:
    """What a truth file says, in the labels of a bundle."""

    def __init__(self, listening: Listening, truth: Path, *, other_words: bool) -> None:
        self._listening = listening
        self._truth = truth
        self._labels = Labels(listening.labels)
        self._other_words = other_words
        self._quiet: Counter[str] = Counter()

    def recording(self, file: Path, name: str, said: Said) -> Recording:
        if said.word is not None:
            return Recording(path=file, name=name, expected=self._clip_label(said.word, name))
        windows = [self._window(window, name) for window in said.windows or ()]
        return Recording(path=file, name=name, windows=tuple(window for window in windows if window is not None))

    def tell(self) -> None:
        self._labels.tell_respelled(str(self._truth))
        if self._quiet:
            note(
                f"{self._truth}: {counted(sum(self._quiet.values()), 'window')} of {first_few(self._quiet)}: no "
                "keyword of this bundle, nothing may fire there"
            )

    def _clip_label(self, word: str, name: str) -> str:
        """Label of a clip: unlike in windows, any other word is known to be ``unknown``."""
        label = self._labels.of_word(word)
        if label is None:
            raise self._no_label(word, name)
        return label

    def _window(self, window: Window, name: str) -> Window | None:
        label = self._labels.find(window.label)
        if label is None and role_of(window.label) is None and not self._other_words:
            raise self._no_label(window.label, f"{name} at {window.start_sample / self._listening.sample_rate_hz:g} s")
        if label not in self._listening.keywords:
            self._quiet[window.label] += 1
            return None
        return Window(label=str(label), start_sample=window.start_sample, end_sample=window.end_sample)

    def _no_label(self, word: str, where: str) -> EvaluationError:
        return EvaluationError(
            f"{self._truth}: {where} is labelled {word!r} and the bundle has no such label, expected one of "
            f"{', '.join(self._listening.labels)}; correct the truth file, or add --other-words if "
            "nothing may fire there"
        )


def stable_names(files: Sequence[tuple[Path, Path]]) -> list[str]:
    """Name each recording so that it keeps its name when other folders are replayed with it.

    A name is the path below the folder that was given; a recording right in that folder has the folder's name before
    it, which is often its label. Where a later folder holds a name that is taken, its own name comes before it.

    Parameters
    ----------
    files : sequence of (root, file)
        As `find_audio_by_root` returns them: what was given, and the recording found there.
    """
    names: list[str] = []
    taken: set[str] = set()
    for root, file in files:
        root, file = _absolute(root), _absolute(file)
        inside = file.relative_to(root).parts if file != root else ()
        parts = inside if len(inside) > 1 else (file.parent.name, file.name)
        above = list((root if len(inside) > 1 else file.parent.parent).parts)
        while "/".join(parts) in taken and above:
            parts = (above.pop(), *parts)
        names.append("/".join(parts))
        taken.add(names[-1])
    return names
