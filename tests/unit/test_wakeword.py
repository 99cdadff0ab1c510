"""Word projects: settings, windows, batches, mining, operating points."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from datasets import recordings
from datasets.synthetic_espeak import EspeakEngine
from kws.audio import write_wav
from kws.errors import AudioError, ConfigError, DatasetError, SpeechEngineError
from kws.evaluation.tracks import ScoreTrack
from kws.evaluation.truth import Truth
from kws.features import Features, FeaturesConfig
from kws.pipeline import Scores
from training import settings
from training.augment import AcousticsConfig
from training.wakeword import calibration, mining, network, sounds, speech
from training.wakeword import examples as example_windows
from training.wakeword.ambient import read_ambient
from training.wakeword.batches import Colour, WordBatches, cut_windows
from training.wakeword.config import (
    ExamplesConfig,
    SpeechConfig,
    WordConfig,
    WordDecisionConfig,
    WordProject,
    load_project,
    make_project,
    name_of,
)
from training.wakeword.examples import Examples, Material, Order, SceneMaker, WindowShape, make_examples, plan

SMALL = WordProject(
    name="hey_nova",
    words=(WordConfig(label="hey nova"),),
    speech=SpeechConfig(
        num_voices=30, takes_per_word=30, near_takes=20, sentences=20, near_words=10, near_mutations=10
    ),
    acoustics=AcousticsConfig(num_rooms=2),
    examples=ExamplesConfig(variants_per_take=1, near=20, other=16, noise=8),
)
SHAPE = WindowShape(window_frames=50, jitter_frames=8, hop_samples=320, window_samples=480, tail_samples=640)


@pytest.fixture(scope="module")
def bank() -> speech.SpeechBank:
    engine = EspeakEngine()
    return speech.speak(speech.write_script(SMALL, engine), engine)


def material(bank: speech.SpeechBank, *, validates: bool = False, project: WordProject = SMALL) -> Material:
    nothing = np.zeros(0, np.int16)
    return Material(project=project, shape=SHAPE, bank=bank, recordings=(), ambient=nothing, validates=validates)


def test_a_project_survives_its_toml(tmp_path: Path) -> None:
    path = tmp_path / "nova.toml"
    path.write_text('name = "nova"\nseed = 7\n[[words]]\nlabel = "nova"\nsay = ["nova", "[[n\'A:v@]]"]\n')
    project = load_project(path)
    assert project.labels == ("unknown", "nova")
    assert project.words[0].texts == ("nova", "[[n'A:v@]]")
    assert settings.parse(WordProject, settings.to_dict(project), where="test") == project


@pytest.mark.parametrize(
    "values",
    [
        {"name": "x", "words": []},
        {"name": "x", "words": [{"label": " "}]},
        {"name": "x", "words": [{"label": "a"}, {"label": "a"}]},
        {"name": "x", "words": [{"label": "unknown"}]},
        {"name": "a/b", "words": [{"label": "a"}]},
        {"name": "x", "words": [{"label": "a"}], "sed": 1},
        {"name": "x", "words": [{"label": "a"}], "decision": {"default_fa_per_hour": 0.3}},
    ],
)
def test_impossible_projects_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        settings.parse(WordProject, values, where="test")


def test_phrases_or_a_file_but_not_both() -> None:
    assert make_project(("Hey Nova!", "stop")).name == "hey_nova_stop"
    assert make_project(("nova",), seed=5, ambient=(Path("a"),)).seed == 5
    with pytest.raises(ConfigError, match="one of them"):
        make_project(())
    with pytest.raises(ConfigError, match="one of them"):
        make_project(("nova",), config=Path("x.toml"))
    with pytest.raises(ConfigError, match="single phrase"):
        make_project(("nova", "stop"), say=("nowa",))
    with pytest.raises(ConfigError, match="none of them empty"):
        make_project(("",))
    assert name_of(("...",)) == "word"


def test_the_script_keeps_speakers_apart_and_says_every_kind(bank: speech.SpeechBank) -> None:
    assert {str(kind) for kind in bank.kinds} == {"word", "near", "other"}
    assert (bank.kinds == "word").sum() == 30
    assert 0 < bank.validates.sum() < len(bank)
    assert (bank.labels[bank.kinds == "word"] == 1).all()
    assert (bank.labels[bank.kinds != "word"] == 0).all()


def test_a_bank_reads_back_as_it_was(bank: speech.SpeechBank, tmp_path: Path) -> None:
    bank.save(tmp_path / "bank.npz")
    again = speech.SpeechBank.load(tmp_path / "bank.npz")
    assert np.array_equal(again.take(3), bank.take(3))
    assert list(again.texts) == list(bank.texts)


def test_a_phrase_of_five_seconds_is_refused(bank: speech.SpeechBank) -> None:
    with pytest.raises(SpeechEngineError, match="shorter phrase"):
        speech.check_length(bank, SMALL.labels, longest_s=0.2)
    speech.check_length(bank, SMALL.labels, longest_s=2.0)


def test_the_window_holds_the_word_and_the_network_fits_the_window(bank: speech.SpeechBank) -> None:
    shape = network.window_shape(SMALL, bank)
    word_s = float(np.quantile(speech.word_durations_s(bank, 1), 0.9))
    assert shape.window_frames * 0.02 >= word_s
    assert shape.window_frames % 2 == 0
    model = network.model_config(SMALL.network, SMALL.features, shape.window_frames)
    assert model.time_padding == "valid"
    with pytest.raises(ConfigError, match="do not fit"):
        network.model_config(replace(SMALL.network, num_blocks=9), SMALL.features, shape.window_frames)


def test_a_word_ends_where_the_window_shape_says(bank: speech.SpeechBank) -> None:
    quiet = replace(
        SMALL,
        acoustics=AcousticsConfig(
            num_rooms=1,
            speed_probability=0.0,
            stretch_probability=0.0,
            pitch_probability=0.0,
            room_probability=0.0,
            noise_probability=0.0,
            band_limit_probability=0.0,
            equalizer_probability=0.0,
            clipping_probability=0.0,
        ),
    )
    without_others = replace(bank, kinds=np.where(bank.kinds == "other", "near", bank.kinds))
    scenes = SceneMaker(material(without_others, project=quiet))
    for take in without_others.find("word", validates=False)[:5]:
        scene = scenes.make(Order(source="word", take=int(take), label=1), 0)
        heard = np.flatnonzero(np.abs(scene.astype(int)) > 1)
        assert abs(int(heard[-1]) + 1 - SHAPE.word_end) <= 640
        assert not scene[SHAPE.word_end :].any()


def test_windows_do_not_depend_on_how_the_work_was_shared(
    bank: speech.SpeechBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    side = material(bank)
    orders = plan(side)[::7][:9]
    together = make_examples(side, orders)
    monkeypatch.setattr(example_windows, "_CHUNK", 3)
    monkeypatch.setattr(example_windows, "_CHUNKS_PER_PROCESS", 1)
    assert np.array_equal(together.features, make_examples(side, orders).features)
    assert together.features.shape == (9, SHAPE.num_frames, 10)


def test_the_plan_has_every_source_and_validation_is_smaller(bank: speech.SpeechBank) -> None:
    training, validation = plan(material(bank)), plan(material(bank, validates=True))
    assert {order.source for order in training} == {"word", "near", "other", "noise"}
    assert 0 < len(validation) < len(training) / 2


def examples(counts: dict[str, int]) -> Examples:
    sources = np.array([source for source, count in counts.items() for _ in range(count)])
    features = np.arange(len(sources), dtype=np.int8)[:, None, None] * np.ones((1, 58, 10), np.int8)
    return Examples(features=features, labels=(sources == "word").astype(np.int64), sources=sources)


def batches(counts: dict[str, int], mix: dict[str, float]) -> WordBatches:
    run = network.run_config(SMALL, SHAPE)
    return WordBatches(
        examples(counts),
        examples({"word": 2, "near": 2}),
        run,
        mix=mix,
        window_frames=50,
        epoch_clips=1280,
        round_number=0,
    )


def test_batches_follow_the_mix_and_are_a_function_of_the_step() -> None:
    maker = batches({"word": 5, "near": 50, "noise": 10}, {"word": 0.5, "near": 0.25, "noise": 0.25, "ambient": 0.5})
    labels = np.concatenate([maker.batch(step)[1] for step in range(20)])
    assert 0.45 < labels.mean() < 0.55  # ambient has no examples: the others share its part
    assert np.array_equal(maker.batch(3)[0], maker.batch(3)[0])
    assert not np.array_equal(maker.batch(3)[0], maker.batch(4)[0])
    assert maker.steps_per_epoch == 10
    assert maker.validation()[0].shape == (4, 50, 10)


def test_colour_is_one_curve_for_all_frames_of_a_window() -> None:
    for config in (FeaturesConfig(), FeaturesConfig(num_coefficients=None, scale=0.1, zero_point=60)):
        samples = noise(1.5) / 8.0
        front_end = Features(config)
        plain = front_end.compute(samples.astype(np.int16))
        rng = np.random.default_rng(4)
        coloured = Colour(config, 3.0).bend(plain[None], rng)[0]
        difference = np.rint((coloured.astype(float) - plain).mean(axis=0))
        assert np.array_equal(coloured, plain + difference)  # the same in every frame
        assert np.abs(difference).max() >= 3
    assert np.array_equal(Colour(config, 0.0).bend(plain[None], rng)[0], plain)


def test_a_window_is_cut_from_its_own_start() -> None:
    features = np.arange(20, dtype=np.int8).reshape(2, 5, 2)
    cut = cut_windows(features, np.array([0, 2]), 3)
    assert np.array_equal(cut[0], features[0, 0:3])
    assert np.array_equal(cut[1], features[1, 2:5])


def test_a_burst_is_mined_once_at_its_peak() -> None:
    scores = np.zeros(100, np.float32)
    scores[[10, 11, 12, 60]] = 0.4, 0.9, 0.5, 0.31
    assert mining.peaks(scores, apart=10).tolist() == [11, 60]
    assert mining.peaks(np.zeros(10, np.float32), apart=10).size == 0


def test_drawn_sounds_have_their_level_and_repeat_with_the_seed() -> None:
    for maker in (sounds.coloured_noise, sounds.hum, sounds.melody, sounds.taps):
        first, again = (maker(16000, np.random.default_rng(3)) for _ in range(2))
        assert np.array_equal(first, again)
        assert np.sqrt(np.mean(first.astype(float) ** 2)) == pytest.approx(0.1, rel=0.01)
    assert np.abs(sounds.near_silence(16000, np.random.default_rng(3))).max() < 1e-3


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-3000, 3000, round(seconds * 16000)).astype(np.int16)


def test_long_ambient_audio_is_cut_and_short_files_stay_whole(tmp_path: Path) -> None:
    write_wav(tmp_path / "radio.wav", noise(80.0))
    write_wav(tmp_path / "word.wav", noise(1.0))
    ambient = read_ambient([tmp_path])
    assert ambient.num_files == 2
    assert ambient.training_hours * 3600 == pytest.approx(60.0, abs=1.3)
    assert ambient.validation_hours * 3600 == pytest.approx(20.0, abs=1.3)
    with pytest.raises(AudioError, match="no such file"):
        read_ambient([tmp_path / "nowhere"])


def spoken(seconds: float) -> np.ndarray:
    silence = np.zeros(8000, np.int16)
    return np.concatenate([silence, noise(seconds), silence])


def test_takes_are_trimmed_converted_and_one_in_five_is_held_out(tmp_path: Path) -> None:
    folder = tmp_path / "hey_nova"
    folder.mkdir()
    for number in range(10):
        write_wav(folder / f"take{number}.wav", spoken(0.6), sample_rate_hz=16000)
    takes = recordings.read_recordings(tmp_path, ["hey nova"])
    assert len(takes) == 10
    assert sum(take.held_out for take in takes) == 2
    assert all(take.samples.size == pytest.approx(0.64 * 16000, abs=480) for take in takes)


def test_takes_at_another_rate_are_converted(tmp_path: Path) -> None:
    write_wav(tmp_path / "take.wav", np.repeat(spoken(0.6), 3), sample_rate_hz=48000)
    (take,) = recordings.read_recordings(tmp_path, ["nova"])
    assert take.samples.size == pytest.approx(0.64 * 16000, abs=480)
    assert not take.held_out  # too few to give one away


@pytest.mark.parametrize(
    ("samples", "message"), [(spoken(5.0), "one word of at most"), (np.zeros(16000, np.int16), "silence")]
)
def test_five_second_words_and_silent_takes_are_refused(tmp_path: Path, samples: np.ndarray, message: str) -> None:
    write_wav(tmp_path / "take.wav", samples)
    with pytest.raises(DatasetError, match=message):
        recordings.read_recordings(tmp_path, ["nova"])


def test_a_missing_or_empty_folder_of_takes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="kws record"):
        recordings.read_recordings(tmp_path / "nowhere", ["nova"])
    with pytest.raises(DatasetError, match="found none"):
        recordings.read_recordings(tmp_path, ["nova"])


def track(hours: float, bursts: list[int]) -> ScoreTrack:
    """Negative audio with a decision every 40 ms in which single decisions reach the given scores."""
    decisions = round(hours * 3600 / 0.04)
    smoothed = np.zeros((decisions, 2), np.uint8)
    smoothed[:, 0] = 255
    places = np.linspace(100, decisions - 100, len(bursts)).astype(int)
    smoothed[places, 1] = bursts
    smoothed[places, 0] = 0
    frames = 2 * np.arange(decisions, dtype=np.uint32)
    samples = (640 * (1 + np.arange(decisions))).astype(np.uint64)
    scores = Scores(sample_index=samples, frame_index=frames, posteriors=smoothed, smoothed=smoothed)
    return ScoreTrack(
        name="radio", labels=("unknown", "nova"), scores=scores, truth=Truth(num_samples=640 * decisions, windows=())
    )


def test_points_are_promised_only_as_far_as_the_audio_reaches() -> None:
    config = WordDecisionConfig(fa_per_hour=(0.1, 0.5, 2.0))
    rows = calibration.choose_thresholds([track(2.0, [150, 180, 200, 220, 240])], ["nova"], config)
    (strict, strict_why), (middle, middle_why), (loose, loose_why) = rows
    assert not loose_why
    assert loose[1] <= 151  # 2 per hour of 2 h: four of the five may wake it
    assert middle[1] == 241  # no promise: above everything that was heard
    assert strict[1] > middle[1]
    assert "needs 6.0 h" in middle_why
    assert "had 2.00 h" in strict_why
    assert all(row[0] == 0 for row, _ in rows)
