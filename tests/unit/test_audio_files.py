# SPDX-License-Identifier: Apache-2.0
"""Reading recordings: exact where nothing must change, converted where needed, refused with advice."""

import io
import resource
import struct
from pathlib import Path

import fuzz_audio
import numpy as np
import pytest
import soundfile

from kws.audio import read_audio, to_int16, write_wav
from kws.audio_files import find_audio
from kws.errors import AudioError, KwsWarning


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


def test_a_full_disk_leaves_no_piece_of_a_wav_and_the_one_before_as_it_was(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    write_wav(tmp_path / "b.wav", np.ones(10, np.int16))
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        for name in ("a.wav", "b.wav"):
            with pytest.raises(AudioError, match=f"{name}: cannot be written .* the room on its disk"):
                write_wav(tmp_path / name, np.zeros(10_000, np.int16))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path.name for path in tmp_path.iterdir()] == ["b.wav"]
    assert read_audio(tmp_path / "b.wav").tolist() == [1] * 10


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


def encoded(audio: np.ndarray, kind: str, subtype: str, rate_hz: int = 16000) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, audio, rate_hz, subtype=subtype, format=kind)
    return file.getvalue()


NOISE = np.random.default_rng(2).integers(-9000, 9000, 16000).astype(np.int16)
LENGTH_AT = 40  # of the data chunk's size in the 44 bytes before the samples of a plain WAV file


@pytest.mark.parametrize(
    "size", [0, 2, 16000, 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFDB, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 1 << 30, 32002, 32001]
)
def test_a_size_that_cannot_be_true_gives_all_the_audio_and_is_told(tmp_path: Path, size: int) -> None:
    whole = bytearray(encoded(NOISE, "WAV", "PCM_16"))
    whole[LENGTH_AT : LENGTH_AT + 4] = size.to_bytes(4, "little")
    (tmp_path / "a.wav").write_bytes(whole)
    with pytest.warns(KwsWarning, match=f"promises {size} bytes of audio and 32000 are there"):
        assert np.array_equal(read_audio(tmp_path / "a.wav"), NOISE)


def test_a_mark_behind_the_audio_is_no_audio(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(encoded(NOISE, "WAV", "PCM_16") + b"TAG" + bytes(125))
    assert np.array_equal(read_audio(tmp_path / "a.wav"), NOISE)


def test_a_size_of_0_before_another_chunk_means_no_samples(tmp_path: Path) -> None:
    head = bytearray(encoded(NOISE, "WAV", "PCM_16")[:44])
    head[LENGTH_AT : LENGTH_AT + 4] = bytes(4)
    (tmp_path / "a.wav").write_bytes(head + b"LIST" + (10).to_bytes(4, "little") + b"INFOISFT\0\0")
    with pytest.raises(AudioError, match="0 samples"):
        read_audio(tmp_path / "a.wav")


CUT = [
    ("WAV", "PCM_16"),
    ("AIFF", "PCM_16"),
    ("W64", "PCM_16"),
    ("RF64", "PCM_16"),
    ("AU", "PCM_16"),
    ("OGG", "VORBIS"),
]


def test_sound_files_are_read_without_a_word(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    for kind, subtype in (
        ("WAV", "PCM_16"),
        ("RF64", "PCM_16"),
        ("FLAC", "PCM_16"),
        ("AIFF", "PCM_16"),
        ("OGG", "VORBIS"),
    ):
        (tmp_path / "a").write_bytes(encoded(NOISE, kind, subtype))
        assert read_audio(tmp_path / "a").size == NOISE.size
    assert not recwarn.list


@pytest.mark.parametrize(("kind", "subtype"), [*CUT, ("MP3", "MPEG_LAYER_III"), ("OGG", "OPUS")])
def test_a_file_that_was_cut_short_is_read_as_far_as_it_goes_and_it_is_told(
    tmp_path: Path, kind: str, subtype: str
) -> None:
    whole = encoded(np.tile(NOISE, 3), kind, subtype)
    (tmp_path / "part").write_bytes(whole[: len(whole) // 2])
    with pytest.warns(KwsWarning, match="read what is there"):
        assert 8000 < read_audio(tmp_path / "part").size < 40000


def test_a_flac_that_breaks_off_in_a_frame_is_refused(tmp_path: Path) -> None:
    whole = encoded(NOISE, "FLAC", "PCM_16")
    (tmp_path / "part.flac").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(AudioError, match="not readable as audio"):
        read_audio(tmp_path / "part.flac")


def test_a_flac_from_a_pipe_does_not_say_how_long_it_is_and_is_read_whole(tmp_path: Path) -> None:
    flac = bytearray(encoded(NOISE, "FLAC", "PCM_16"))
    info = flac.index(b"fLaC") + 8
    flac[info + 13] &= 0xF0  # 36 bits of total samples, at the end of STREAMINFO's sizes
    flac[info + 14 : info + 18] = bytes(4)
    (tmp_path / "pipe.flac").write_bytes(flac)
    assert np.array_equal(read_audio(tmp_path / "pipe.flac"), NOISE)


MATRIX = [
    ("WAV", "PCM_16", 16000, 1, 1),
    ("WAV", "PCM_16", 16000, 2, 1),
    ("WAV", "PCM_U8", 16000, 1, 300),
    ("WAV", "PCM_24", 16000, 1, 1),
    ("WAV", "PCM_32", 16000, 1, 1),
    ("WAV", "FLOAT", 16000, 2, 1),
    ("WAV", "DOUBLE", 16000, 1, 1),
    ("WAV", "ULAW", 16000, 1, 530),
    ("WAV", "ALAW", 16000, 1, 530),
    ("WAV", "IMA_ADPCM", 16000, 1, 1500),
    ("WAV", "MS_ADPCM", 16000, 1, 1500),
    ("WAV", "GSM610", 16000, 1, 3000),
    ("WAVEX", "PCM_16", 16000, 2, 1),
    ("WAVEX", "PCM_24", 48000, 6, 60),
    ("RF64", "PCM_16", 16000, 1, 1),
    ("W64", "PCM_16", 16000, 1, 1),
    ("AIFF", "PCM_16", 16000, 1, 1),
    ("CAF", "PCM_16", 16000, 1, 1),
    ("AU", "ULAW", 16000, 1, 530),
    ("FLAC", "PCM_16", 16000, 1, 1),
    ("FLAC", "PCM_24", 44100, 2, 60),
    ("OGG", "VORBIS", 16000, 1, 1500),
    ("OGG", "OPUS", 16000, 1, 1500),
    ("MP3", "MPEG_LAYER_III", 16000, 1, 1500),
    ("WAV", "PCM_16", 8000, 1, 60),
    ("WAV", "PCM_16", 44100, 1, 60),
    ("WAV", "PCM_16", 192000, 2, 60),
]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("kind", "subtype", "rate_hz", "channels", "tolerance"), MATRIX)
def test_every_format_gives_the_same_samples_within_what_its_coding_loses(
    tmp_path: Path, kind: str, subtype: str, rate_hz: int, channels: int, tolerance: int
) -> None:
    wave = tone(440.0, rate_hz, 1.0)
    (tmp_path / "a").write_bytes(encoded(np.stack([wave] * channels, axis=1), kind, subtype, rate_hz))
    samples = read_audio(tmp_path / "a").astype(np.float64)
    expected = np.rint(tone(440.0, 16000, 1.0) * 32768)
    assert abs(samples.size - expected.size) <= 1200  # codecs work in blocks
    lag = 0
    if subtype == "MPEG_LAYER_III":
        middle = expected[4000:8000]
        lag = int(np.argmax([np.dot(samples[4000 + i : 8000 + i], middle) for i in range(-40, 41)])) - 40
    shared = slice(1600, 14000)
    error = np.abs(samples[shared.start + lag : shared.stop + lag] - expected[shared])
    assert error.max() <= tolerance


def test_gsm_as_telephones_write_it_is_read(tmp_path: Path) -> None:
    fmt = struct.pack("<HHIIHHHH", 49, 1, 8000, 1625, 65, 0, 2, 320)
    body = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + b"fact" + struct.pack("<II", 4, 16000)
    body += b"data" + struct.pack("<I", 65 * 50) + b"\xd2" * 65 * 50
    (tmp_path / "gsm.wav").write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    assert read_audio(tmp_path / "gsm.wav").size == 50 * 320 * 2


@pytest.mark.parametrize("rate_hz", [1, 100, 3999, 768001, 0x7FFFFFFF])
def test_sample_rates_that_cannot_be_true_are_refused(tmp_path: Path, rate_hz: int) -> None:
    (tmp_path / "a.wav").write_bytes(encoded(NOISE, "WAV", "PCM_16", rate_hz))
    with pytest.raises(AudioError, match=rf"header says {rate_hz}"):
        read_audio(tmp_path / "a.wav")


def test_a_header_of_2_to_the_32_samples_costs_no_memory(tmp_path: Path) -> None:
    flac = bytearray(encoded(NOISE, "FLAC", "PCM_16"))
    info = flac.index(b"fLaC") + 8
    flac[info + 13 : info + 18] = bytes([flac[info + 13] & 0xF0 | 1, 0, 0, 0, 0])
    (tmp_path / "a.flac").write_bytes(flac)
    with pytest.warns(KwsWarning, match="shorter than its header says"):
        assert np.array_equal(read_audio(tmp_path / "a.flac"), NOISE)


@pytest.mark.parametrize("peak", [2.5, 1000.0, 32767.0, 1e308])
def test_floats_of_another_scale_are_refused(tmp_path: Path, peak: float) -> None:
    (tmp_path / "a.wav").write_bytes(encoded(tone(440.0, 16000) * 2.0 * peak, "WAV", "DOUBLE"))
    with pytest.raises(AudioError, match="expected float samples from -1 to 1"):
        read_audio(tmp_path / "a.wav")


def test_floats_a_little_beyond_full_scale_are_clipped_and_it_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(encoded(np.array([0.5, 1.5, -1.2, 1.0]), "WAV", "FLOAT"))
    with pytest.warns(KwsWarning, match="2 values lie beyond full scale"):
        assert read_audio(tmp_path / "a.wav").tolist() == [16384, 32767, -32768, 32767]


def test_what_macos_keeps_beside_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "._a.wav").write_bytes(b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        " + bytes(90))
    with pytest.raises(AudioError, match="AppleDouble"):
        read_audio(tmp_path / "._a.wav")


def test_headers_with_bytes_changed_are_read_or_refused(tmp_path: Path) -> None:
    found = fuzz_audio.run(seed=1, files=400, folder=tmp_path)
    assert found.read + found.refused == 400
    assert found.read > 50
    assert found.refused > 50


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
    with pytest.warns(KwsWarning, match="1 recording named more than once"):
        found = find_audio([single, tmp_path])
    assert [str(path.relative_to(tmp_path)) for path in found] == ["b/2.wav", "a/3.wav", "b/1.wav"]


def test_what_others_leave_among_recordings_is_skipped_and_counted_once(tmp_path: Path) -> None:
    for name in ("yes/a.wav", "yes/._a.wav", "__MACOSX/yes/._a.wav", ".cache/b.wav", "yes/phone.m4a", "yes/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write_wav(tmp_path / name, np.zeros(10, dtype=np.int16))
    (tmp_path / "yes" / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    with pytest.warns(KwsWarning, match="skipped") as told:
        assert find_audio([tmp_path]) == [tmp_path / "yes" / "a.wav"]
    (note,) = [str(warning.message) for warning in told]
    for part in (
        "3 hidden files",
        "1 link to nothing (gone.wav)",
        "1 recording in a format that cannot be read (phone.m4a)",
    ):
        assert part in note


def test_a_folder_inside_a_hidden_one_is_searched_when_it_is_named(tmp_path: Path) -> None:
    folder = tmp_path / ".data" / "clips"
    folder.mkdir(parents=True)
    write_wav(folder / "a.wav", np.zeros(10, dtype=np.int16))
    assert find_audio([folder]) == [folder / "a.wav"]


def test_folders_that_are_links_are_entered_once(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    write_wav(tmp_path / "elsewhere" / "a.wav", np.zeros(10, dtype=np.int16))
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "clips")
    assert [path.name for path in find_audio([tmp_path / "clips"])] == ["a.wav"]


@pytest.mark.parametrize(("kind", "subtype", "suffix"), [("MP3", "MPEG_LAYER_III", ".mp3"), ("OGG", "OPUS", ".opus")])
def test_a_format_is_read_whether_it_is_named_or_found(tmp_path: Path, kind: str, subtype: str, suffix: str) -> None:
    (tmp_path / f"a{suffix}").write_bytes(encoded(NOISE, kind, subtype))
    assert find_audio([tmp_path]) == find_audio([tmp_path / f"a{suffix}"])
    assert read_audio(tmp_path / f"a{suffix}").size > 15000


def test_a_folder_of_recordings_that_cannot_be_read_says_how_to_convert_them(tmp_path: Path) -> None:
    (tmp_path / "a.m4a").write_bytes(b"....ftypM4A ")
    with (
        pytest.warns(KwsWarning),
        pytest.raises(AudioError, match=r"only \.m4a, which cannot be read; convert it: ffmpeg"),
    ):
        find_audio([tmp_path])


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="found none"):
        find_audio([tmp_path])
