# SPDX-License-Identifier: Apache-2.0
"""A wake word, then commands: two bundles that hear one stream in turn, as a board with both of them does."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.bundle import Bundle
from kws.core import aligned_copy, aligned_new, check, ffi, lib
from kws.errors import AudioError, ConfigError
from kws.pipeline import Detection, Pipeline

COMMAND_WINDOW_S = int(lib.KWS_COMMAND_WINDOW_MS) / 1000
"""Commands are listened for so long after a wake word, where nobody says otherwise."""
MOST_WINDOW_MS = 86_400_000


@dataclass(frozen=True, kw_only=True, repr=False)
class CascadeDetection(Detection):
    """A detection, and which of the two bundles it is of."""

    is_command: bool
    """Whether the commands' bundle heard it; else the wake word's."""


class Cascade:
    """Listens for the wake word; after it, for some seconds, for the commands; then for the wake word again.

    Parameters
    ----------
    wake, commands : Bundle
        Of one sample rate.
    window_s : float
        Commands are listened for so long after the wake word.
    operating_point : int, optional
        Of the wake word: index into its operating points; its default when omitted.

    Raises
    ------
    ConfigError, KwsError
        If there is no such operating point, the bundles listen at different rates, or the window is not longer than 0.
    BundleError
        If a bundle does not fit the core.

    Examples
    --------
    >>> from kws.bundle import Bundle
    >>> wake, commands = Bundle.load("models/wake_computer_50.kws"), Bundle.load("models/speech_commands_12.kws")
    >>> Cascade(wake, commands, window_s=4.0)
    Cascade('models/wake_computer_50.kws', then 4 s of 'models/speech_commands_12.kws')
    """

    def __init__(
        self, wake: Bundle, commands: Bundle, *, window_s: float = COMMAND_WINDOW_S, operating_point: int | None = None
    ) -> None:
        self.wake, self.commands, self.window_s = wake, commands, window_s
        both = Pipeline(wake, operating_point=operating_point), Pipeline(commands)  # checks them
        self.sample_rate_hz = both[0].sample_rate_hz
        if both[1].sample_rate_hz != self.sample_rate_hz:
            raise ConfigError(
                f"{wake.name} listens at {self.sample_rate_hz} Hz and {commands.name} at {both[1].sample_rate_hz} Hz: "
                "expected one rate"
            )
        self._window_ms = round(1000 * window_s) if math.isfinite(window_s) else 0
        if not 0 < self._window_ms < MOST_WINDOW_MS:
            raise ConfigError(f"window of {window_s:g} s for commands: expected more than 0, and less than a day")
        self.arena_bytes = max(pipeline.arena_bytes for pipeline in both)
        """Memory on any board, in bytes: they take turns in it."""
        self._hop_samples = min(pipeline.hop_samples for pipeline in both)
        self._point = both[0].operating_point
        self._door = ffi.new("kws_door_cascade_t *")
        self._arena, owner = aligned_new(self.arena_bytes)
        self._owners = [owner]
        for bundle, view in ((wake, self._door.wake), (commands, self._door.commands)):
            data, owner = aligned_copy(bundle.data)
            self._owners.append(owner)
            check(lib.kws_bundle_open(ffi.addressof(view), data, len(bundle.data)), "bundle")
        self.reset()

    def __repr__(self) -> str:
        return f"Cascade({self.wake.name!r}, then {self.window_s:g} s of {self.commands.name!r})"

    @property
    def listens_for_commands(self) -> bool:
        """Whether the wake word was heard less than ``window_s`` ago."""
        return bool(self._door.cascade.window_left)

    def reset(self) -> None:
        """Forget all audio heard so far."""
        check(
            lib.kws_door_cascade_init(self._door, self._point, self._window_ms, self._arena, self.arena_bytes),
            "bundle",
        )

    def skip(self, num_samples: int) -> None:
        """Tell that samples of the stream were lost, as :meth:`kws.pipeline.Pipeline.skip`; the window goes on."""
        lib.kws_cascade_skip(ffi.addressof(self._door, "cascade"), num_samples)

    def feed(self, samples: npt.NDArray[np.int16]) -> list[CascadeDetection]:
        """Hear samples, in chunks of any size; as :meth:`kws.pipeline.Pipeline.feed`.

        Parameters
        ----------
        samples : int16 array, shape [n]

        Returns
        -------
        list of CascadeDetection
            Wake words and commands in order; ``label_index`` counts in the bundle that heard it.

        Raises
        ------
        AudioError
            If the samples are not a one-dimensional int16 array.
        """
        if samples.dtype != np.int16 or samples.ndim != 1:
            raise AudioError(
                f"samples: expected int16 of shape [n], got {samples.dtype} of shape {list(samples.shape)}; "
                "read files with kws.read_audio"
            )
        chunk = np.ascontiguousarray(samples)
        capacity = chunk.size // self._hop_samples + 2  # no more than one event a frame
        events, is_command = ffi.new("kws_event_t[]", capacity), ffi.new("uint8_t[]", capacity)
        self._door.events, self._door.is_command, self._door.capacity = events, is_command, capacity
        lib.kws_door_cascade_feed(self._door, ffi.from_buffer("int16_t[]", chunk), chunk.size)
        return [
            CascadeDetection(
                label=(self.commands if of_commands else self.wake).labels[event.label],
                label_index=int(event.label),
                sample_index=int(event.sample_index),
                score=int(event.score),
                sample_rate_hz=self.sample_rate_hz,
                is_command=bool(of_commands),
            )
            for event, of_commands in zip(
                events[0 : self._door.num_events], is_command[0 : self._door.num_events], strict=True
            )
        ]
