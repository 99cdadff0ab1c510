"""Reading recordings: exact where nothing must change, converted where needed, refused with advice."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws.audio import find_audio, read_audio, to_int16, write_wav
from kws.errors import AudioError


def tone(frequency_hz: float, sample_rate_hz: int, seconds: float = 0.5) -> np.ndarray:
    time_s = np.arange(round(sample_rate_hz * seconds)) / sample_rate_hz
    return 0.5 * np.sin(2 * np.pi * frequency_hz * time_s)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_16_bit_mono_at_the_right_rate_is_read_bit_for_bit(tmp_path: Path, suffix: str) -> None:
    samples = np.random.default_rng(1).integers(-32768, 32768, 5000).astype(np.int16)
    path = tmp_path / f"exact.{suffix}"
    soundfile.write(path, samples, 16000, subtype="PCM_16")
    assert np.array_equal(read_audio(path), samples)


def test_write_wav_then_read_audio_is_the_identity(tmp_path: Path) -> None:
    samples = np.array([-32768, -1, 0, 1, 32767], dtype=np.int16)
    write_wav(tmp_path / "a.wav", samples)
    assert np.array_equal(read_audio(tmp_path / "a.wav"), samples)


def test_float_samples_are_rounded_and_clamped_never_truncated_or_wrapped() -> None:
    values = np.array([0.0, 0.6, -0.6, 1.4, 40000.0, -40000.0]) / 32768.0
    assert to_int16(values).tolist() == [0, 1, -1, 1, 32767, -32768]


def test_stereo_becomes_the_average_of_its_channels(tmp_path: Path) -> None:
    channels = np.array([[100, 300], [-100, -200], [32767, 32767]], dtype=np.int16)
    soundfile.write(tmp_path / "stereo.wav", channels, 16000, subtype="PCM_16")
    assert read_audio(tmp_path / "stereo.wav").tolist() == [200, -150, 32767]


def test_stereo_at_44100_hz_keeps_its_length_and_its_tone(tmp_path: Path) -> None:
    wave = tone(1000.0, 44100)
    soundfile.write(tmp_path / "cd.wav", np.stack([wave, wave], axis=1), 44100, subtype="PCM_16")
    samples = read_audio(tmp_path / "cd.wav").astype(np.float64)
    assert samples.size == 8000
    expected = tone(1000.0, 16000) * 32768
    assert np.abs(samples - expected)[200:-200].max() < 20  # away from the edges, -60 dB of full scale


@pytest.mark.parametrize("subtype", ["PCM_24", "FLOAT", "PCM_U8"])
def test_other_sample_formats_keep_full_scale(tmp_path: Path, subtype: str) -> None:
    wave = tone(440.0, 16000)
    soundfile.write(tmp_path / "x.wav", wave, 16000, subtype=subtype)
    tolerance = 300 if subtype == "PCM_U8" else 1
    assert np.abs(read_audio(tmp_path / "x.wav") - wave * 32768).max() <= tolerance


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="no such file"):
        read_audio(tmp_path / "nowhere.wav")


def test_an_empty_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    with pytest.raises(AudioError, match="empty file"):
        read_audio(tmp_path / "empty.wav")


def test_a_wav_with_a_header_and_no_samples_is_refused(tmp_path: Path) -> None:
    write_wav(tmp_path / "none.wav", np.zeros(0, dtype=np.int16))
    with pytest.raises(AudioError, match="0 samples"):
        read_audio(tmp_path / "none.wav")


def test_text_named_wav_is_refused_with_advice(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("this is not audio")
    with pytest.raises(AudioError, match=r"not readable as audio.*ffmpeg"):
        read_audio(tmp_path / "text.wav")


def test_a_broken_wav_header_is_refused(tmp_path: Path) -> None:
    write_wav(tmp_path / "good.wav", np.zeros(1000, dtype=np.int16))
    whole = (tmp_path / "good.wav").read_bytes()
    (tmp_path / "bad.wav").write_bytes(whole[:20] + b"\xff" * 16 + whole[36:])
    with pytest.raises(AudioError, match="not readable as audio"):
        read_audio(tmp_path / "bad.wav")


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_a_truncated_recording_is_refused_not_shortened(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(2).integers(-9000, 9000, 16000).astype(np.int16)
    soundfile.write(tmp_path / f"whole.{suffix}", noise, 16000, subtype="PCM_16")
    whole = (tmp_path / f"whole.{suffix}").read_bytes()
    (tmp_path / f"part.{suffix}").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(AudioError):
        read_audio(tmp_path / f"part.{suffix}")


def test_samples_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "nan.wav", np.array([0.0, np.nan, 0.5]), 16000, subtype="FLOAT")
    with pytest.raises(AudioError, match="finite"):
        read_audio(tmp_path / "nan.wav")


def test_write_wav_refuses_float_samples(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="expected int16"):
        write_wav(tmp_path / "f.wav", np.zeros(4))


def test_folders_are_searched_deep_and_sorted_and_files_are_kept_as_given(tmp_path: Path) -> None:
    silence = np.zeros(10, dtype=np.int16)
    for name in ["b/2.wav", "b/1.wav", "a/3.wav"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_wav(tmp_path / name, silence)
    (tmp_path / "a" / "notes.txt").write_text("not audio")
    single = tmp_path / "b" / "2.wav"
    found = find_audio([single, tmp_path])
    assert [str(path.relative_to(tmp_path)) for path in found] == ["b/2.wav", "a/3.wav", "b/1.wav", "b/2.wav"]


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="found none"):
        find_audio([tmp_path])
