"""The microphone of this computer as an endless stream of blocks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kws import extras
from kws.audio import Samples
from kws.errors import AudioError, ToolMissingError

BLOCK_S = 0.1


def microphone_blocks(sample_rate_hz: int, device: str | None = None) -> Iterator[Samples]:
    """Yield int16 blocks of 0.1 s from a microphone, without end.

    Parameters
    ----------
    sample_rate_hz : int
        Of the bundle that listens.
    device : str, optional
        Name or number of an input; the system's default when omitted.

    Raises
    ------
    ToolMissingError
        If sounddevice or PortAudio is not installed.
    AudioError
        If there is no such microphone, or it failed.
    """
    try:
        import sounddevice
    except ImportError as error:
        raise extras.not_installed("listening to a microphone", "sounddevice") from error
    except OSError as error:
        raise ToolMissingError(f"listening to a microphone: {error}; sudo apt-get install libportaudio2") from error
    chosen = int(device) if device is not None and device.isdigit() else device
    block = round(BLOCK_S * sample_rate_hz)
    try:
        with sounddevice.InputStream(
            samplerate=sample_rate_hz, channels=1, dtype="int16", device=chosen, blocksize=block
        ) as stream:
            while True:
                samples, _overflowed = stream.read(block)
                yield np.ascontiguousarray(samples[:, 0])
    except (sounddevice.PortAudioError, ValueError) as error:
        raise AudioError(
            f"no microphone to listen to ({error}); connect one, or name an input with --device"
        ) from error
