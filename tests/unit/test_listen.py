"""kws listen: what the microphone hears goes through the pipeline as it comes."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from random_bundles import speech_like

from kws.bundle import Bundle
from kws.cli.listen import listen
from kws.errors import AudioError, ToolMissingError
from kws.harness.live import microphone_blocks
from kws.pipeline import Pipeline


class FakeStream:
    """An input that plays a recording and then fails, as an unplugged microphone does."""

    def __init__(self, audio: np.ndarray, error: type[Exception]) -> None:
        self.audio, self.error = audio, error

    def __enter__(self) -> "FakeStream":
        return self

    def __exit__(self, *_: object) -> None: ...

    def read(self, count: int) -> tuple[np.ndarray, bool]:
        if self.audio.size < count:
            raise self.error("unplugged")
        block, self.audio = self.audio[:count], self.audio[count:]
        return block[:, np.newaxis], False


@pytest.fixture
def microphone(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    audio = speech_like(3.0, seed=5)
    error = type("PortAudioError", (Exception,), {})
    fake = SimpleNamespace(InputStream=lambda **_: FakeStream(audio, error), PortAudioError=error)
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    return audio


def test_blocks_are_the_recording_and_an_unplugged_microphone_is_reported(microphone: np.ndarray) -> None:
    heard = []
    with pytest.raises(AudioError, match="no microphone to listen to"):
        heard.extend(microphone_blocks(16000))
    blocks = microphone_blocks(16000)
    assert np.array_equal(np.concatenate([next(blocks) for _ in range(30)]), microphone)


def test_every_event_of_the_pipeline_is_printed(
    microphone: np.ndarray, streaming_bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    streaming_bundle.save(tmp_path / "random.kws")
    with pytest.raises(AudioError):
        listen(tmp_path / "random.kws")
    printed = capsys.readouterr().out
    expected = Pipeline(streaming_bundle).feed(microphone)
    assert expected
    assert all(f"{event.sample_index / 16000:8.2f} s  {event.label}" in printed for event in expected)


def test_without_sounddevice_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(ToolMissingError, match="pip install"):
        next(microphone_blocks(16000))
