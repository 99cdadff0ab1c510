# SPDX-License-Identifier: Apache-2.0
"""The one exception tree: every failure a user can cause or meet is a ``KwsError``.

A message says what was wrong, what was expected, what was found, and what to do. The command line prints it on
one line without a traceback and exits with 2, or with 3 when a board was lost in the middle of its work; anything else
that escapes is a defect of ours.
"""

from __future__ import annotations

import warnings


class KwsError(Exception):
    """Base of all errors raised on purpose by this package."""


class AudioError(KwsError):
    """A recording that cannot be read, is empty, or has a format we refuse."""


class BundleError(KwsError):
    """A bundle that is missing, truncated, corrupt, foreign or asks for what the core cannot do."""


class ImportModelError(KwsError):
    """A foreign model (TFLite) that cannot be turned into a bundle."""


class ConfigError(KwsError):
    """A configuration file or option with an unknown key, a wrong type or an impossible value."""


class DatasetError(KwsError):
    """A data set that is missing, incomplete, corrupt or laid out in an unknown way."""


class TrainingError(KwsError):
    """Training cannot start or go on."""


class SpeechEngineError(KwsError):
    """The speech synthesiser is missing or cannot speak what was asked."""


class DeviceError(KwsError):
    """Base of everything that goes wrong between the host and a board."""


class BoardNotFoundError(DeviceError):
    """A port that does not exist, a board that is not plugged in, or an unknown board name."""


class BoardTimeoutError(DeviceError):
    """A board that fell silent; the message names the last known state."""


class ProtocolError(DeviceError):
    """A board that speaks another protocol version, or a line too noisy to talk over."""


class BoardRefusedError(DeviceError):
    """The board answered, and refused: no bundle, a corrupt one, or one that needs more memory than it has."""


class BoardLostError(DeviceError):
    """A board that stopped answering in the middle of a replay; ``partial`` holds what was measured until then."""

    def __init__(self, message: str, partial: object) -> None:
        super().__init__(message)
        self.partial = partial


class ToolMissingError(KwsError):
    """An external program (compiler, emulator, synthesiser) is not installed; the message says how to get it."""


class EvaluationError(KwsError):
    """A measurement that the given audio or truth cannot support."""


class KwsWarning(UserWarning):
    """Something was understood, left out or assumed that the user should know of; the result stands."""


def note(text: str) -> None:
    """Tell the user something that is no error: a warning in Python, one line on stderr from the command line."""
    warnings.warn(text, KwsWarning, stacklevel=3)
