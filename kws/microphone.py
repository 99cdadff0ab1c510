# SPDX-License-Identifier: Apache-2.0
"""The microphone of this computer, at the rate that is wanted whatever rates it knows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from kws import extras
from kws.audio import SAMPLE_RATE_HZ, Samples
from kws.errors import AudioError, ToolMissingError
from kws.samples import BlockResampler, as_mono

BLOCK_S = 0.1
USUAL_RATES_HZ = (48_000, 44_100, 32_000, 96_000)
"""Tried in this order where the microphone knows neither the rate that is wanted nor one of its own."""


class Microphone:
    """An input of this computer, through PortAudio.

    Parameters
    ----------
    sample_rate_hz : int
        Rate of the blocks. Where the microphone does not know it, another is used and resampled.
    device : str, optional
        Name or number of an input; the system's default when omitted.

    Attributes
    ----------
    overflows : int
        How often audio was lost because it was not fetched in time.

    Raises
    ------
    ToolMissingError
        If sounddevice or PortAudio is not installed.
    AudioError
        If there is no such microphone.
    """

    def __init__(self, sample_rate_hz: int = SAMPLE_RATE_HZ, device: str | None = None) -> None:
        self._library = _library()
        self._device = int(device) if device is not None and device.isdigit() else device
        self.sample_rate_hz = sample_rate_hz
        self.overflows = 0
        self._from_hz = self._known_rate()

    def blocks(self, block_s: float = BLOCK_S) -> Iterator[Samples]:
        """Yield int16 blocks of about ``block_s`` seconds, without end.

        Raises
        ------
        AudioError
            If the microphone fails, as when it is unplugged.
        """
        resampler = BlockResampler(self._from_hz, self.sample_rate_hz)
        size = round(block_s * self._from_hz)
        try:
            with self._library.InputStream(
                samplerate=self._from_hz, channels=1, dtype="int16", device=self._device, blocksize=size
            ) as stream:
                while True:
                    samples, overflowed = stream.read(size)
                    self.overflows += bool(overflowed)
                    yield resampler.feed(as_mono(samples))
        except (self._library.PortAudioError, ValueError) as error:
            raise AudioError(
                f"the microphone failed ({error}); is it still connected? Connect it, or name another with --device"
            ) from error

    def _known_rate(self) -> int:
        first: Exception | None = None
        for rate_hz in (self.sample_rate_hz, *self._own_rate(), *USUAL_RATES_HZ):
            try:
                self._library.check_input_settings(self._device, channels=1, samplerate=rate_hz, dtype="int16")
            except (self._library.PortAudioError, ValueError) as error:
                first = first or error
            else:
                return rate_hz
        raise AudioError(f"no microphone to listen to ({first}); connect one, or name an input with --device")

    def _own_rate(self) -> tuple[int, ...]:
        with suppress(self._library.PortAudioError, ValueError, AttributeError, KeyError):
            return (round(self._library.query_devices(self._device, "input")["default_samplerate"]),)
        return ()


def _library() -> Any:
    try:
        import sounddevice
    except ImportError as error:
        raise extras.not_installed("listening to a microphone", "sounddevice") from error
    except OSError as error:
        raise ToolMissingError(f"listening to a microphone: {error}; sudo apt-get install libportaudio2") from error
    return sounddevice
