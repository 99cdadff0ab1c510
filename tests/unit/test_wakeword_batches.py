# SPDX-License-Identifier: Apache-2.0
"""What a word is learnt from, step by step: batches, backgrounds, mined moments, crowds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from word_fixtures import SHAPE, SMALL, TRUNK, a_network

from kws.evaluation.streams import Word
from kws.features import Features, FeaturesConfig
from kws.training.augment import sounds
from kws.training.augment.features import Surroundings, SurroundingsConfig
from kws.training.wakeword import calibration, mining
from kws.training.wakeword.babble import make_babble
from kws.training.wakeword.batches import WordBatches
from kws.training.wakeword.examples import Examples
from kws.training.wakeword.mining import Mining


def examples(counts: dict[str, int]) -> Examples:
    sources = np.array([source for source, count in counts.items() for _ in range(count)])
    word = sources == "word"
    return Examples(
        features=np.arange(len(sources), dtype=np.int8)[:, None, None] * np.ones((1, 98, 40), np.int8),
        labels=word.astype(np.int64),
        ends=np.where(word, 20000, -1),
        quiet_until=np.where(word, 17000, SHAPE.num_samples),
        spoken=np.zeros((len(sources), 2), np.int64),
        sources=sources,
    )


def batches(
    counts: dict[str, int],
    mix: dict[str, float],
    negatives: np.ndarray | None = None,
    moments: Mining | None = None,
    babble: np.ndarray | None = None,
) -> WordBatches:
    return WordBatches(
        examples(counts),
        examples({"word": 2, "near": 2}),
        np.zeros((0, 40), np.int8) if negatives is None else negatives,
        np.zeros((0, 40), np.int8) if babble is None else babble,
        TRUNK.features,
        shape=SHAPE,
        config=replace(SMALL.examples, per_epoch=640),
        masks=SMALL.masks,
        mix=mix,
        num_labels=3,
        batch_clips=64,
        seed=SMALL.seed,
        mining=moments,
    )


def test_batches_follow_the_mix_and_are_a_function_of_the_step() -> None:
    maker = batches({"word": 5, "near": 50, "noise": 10}, {"word": 0.5, "near": 0.25, "noise": 0.25, "ambient": 0.5})
    words = np.concatenate([maker.batch(step)[1][..., 1].any(axis=1) for step in range(20)])
    assert 0.45 < words.mean() < 0.55  # there is no ambient audio: the others share its part
    assert np.array_equal(maker.batch(3)[0], maker.batch(3)[0])
    assert not np.array_equal(maker.batch(3)[0], maker.batch(4)[0])
    assert maker.steps_per_epoch == 10
    assert maker.validation()[0].shape == (4, 58, 40)


def test_pauses_are_heard_as_they_are_and_may_not_be_anything_else() -> None:
    negatives = np.random.default_rng(0).integers(-100, 60, (2000, 40)).astype(np.int8)
    maker = batches({"word": 5, "pause": 6}, {"word": 0.3, "pause": 0.4, "ambient": 0.3}, negatives)
    features, targets = maker.features(3)
    pauses = (targets == [0, 0, 1]).all(axis=(1, 2))
    speech_or_music = (targets == [1, 0, 0]).all(axis=(1, 2))
    assert 10 < pauses.sum() < 40
    assert speech_or_music.any()
    assert set(np.unique(features[pauses])) <= set(range(5, 11)), "no colour, nothing behind: their own numbers"


def test_a_crowd_among_the_negatives_may_be_silence_and_nothing_else_there() -> None:
    """The last 500 of 2000 frames: of the 1903 places at which a scene of 98 may begin, 403 of a crowd alone."""
    negatives = np.zeros((2000, 40), np.int8)
    maker = batches({"word": 5}, {"ambient": 1.0}, negatives, babble=negatives[1500:])
    targets = np.concatenate([maker.features(step)[1] for step in range(20)])
    crowds, others = ((targets == right).all(axis=(1, 2)) for right in ([1, 0, 1], [1, 0, 0]))
    assert (crowds | others).all()
    share = 403 / 1903
    assert crowds.mean() == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / len(targets)))


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-3000, 3000, round(seconds * 16000)).astype(np.int16)


def test_colour_and_gain_are_one_curve_for_all_frames_of_a_scene() -> None:
    for config in (FeaturesConfig(), FeaturesConfig(num_coefficients=None, scale=0.05, zero_point=0)):
        plain = Features(config).compute((noise(1.5) / 8.0).astype(np.int16))
        alone = SurroundingsConfig(background_probability=0.0, colour_db=2.0)
        heard = Surroundings(config, plain, alone).surround(plain[None], np.random.default_rng(4))[0]
        difference = np.rint((heard.astype(float) - plain).mean(axis=0))
        assert np.abs(heard - (plain + difference)).max() <= 1  # the same in every frame, but for rounding
        assert np.abs(difference).max() >= 3
        none = replace(alone, colour_db=0.0, gain_db=0.0)
        assert np.array_equal(
            Surroundings(config, plain, none).surround(plain[None], np.random.default_rng(4))[0], plain
        )


def test_a_background_adds_its_power_as_the_front_end_would_hear_it() -> None:
    config = FeaturesConfig(num_coefficients=None, scale=0.05, zero_point=-28)
    front_end, (speech_like, behind) = Features(config), (noise(1.0, seed) for seed in (1, 2))
    together = front_end.compute((speech_like.astype(int) + behind).astype(np.int16))
    mixed = Surroundings(
        config,
        front_end.compute(behind),
        SurroundingsConfig(background_probability=1.0, background_snr_db=(0.0, 0.0), colour_db=0.0, gain_db=0.0),
    ).surround(front_end.compute(speech_like)[None], np.random.default_rng(0))[0]
    assert abs(float(mixed.mean()) - float(together.mean())) * config.scale < 0.1  # nepers, of the 0.35 that it adds


def mined(folder: Path, negatives: np.ndarray) -> Mining:
    return Mining(negatives, TRUNK.features, SHAPE, rounds=(1,), moments=3, folder=folder)


def test_a_stream_is_heard_as_its_windows_are() -> None:
    network_of_scenes = a_network(0.3).of_scenes()
    stream = np.random.default_rng(0).integers(-100, 60, (7001, 40)).astype(np.int8)
    margins = mining.hear(network_of_scenes, stream, TRUNK.features, 58)
    assert len(margins) == 1 + (7001 - 58) // 2
    for decision in (0, 1471, 1472, len(margins) - 1):  # the chunks meet between the second and the third
        window = TRUNK.features.dequantize(stream[None, 2 * decision : 2 * decision + 58])
        logits = np.asarray(network_of_scenes(window, training=False))[0, 0]
        assert margins[decision] == pytest.approx(logits[1] - np.logaddexp(logits[0], logits[2]), abs=1e-4)


def test_the_worst_moments_are_a_second_apart_and_scenes_hold_them() -> None:
    margins = np.full(1000, -5.0, np.float32)
    margins[[100, 103, 400, 990]] = [30.0, 20.0, 60.0, 10.0]
    moments = mining.worst(margins, 3)
    assert np.abs(moments - [400, 100, 990]).max() <= 1
    starts = mining.draw_starts(moments, 500, SHAPE, 2060, np.random.default_rng(1))
    ends = 58 + 2 * moments
    inside = (starts[:, None] + 58 <= ends) & (ends <= starts[:, None] + 98)
    assert inside.any(axis=1).all()
    assert inside[:, 0].mean() > inside[:, 1].mean() > inside[:, 2].mean()


def test_what_was_mined_is_learnt_from_two_epochs_later_also_after_an_interruption(tmp_path: Path) -> None:
    negatives = np.random.default_rng(0).integers(-100, 60, (2000, 40)).astype(np.int8)
    first = mined(tmp_path, negatives)
    assert first.moments(0).size == first.moments(1).size == 0
    first.after_epoch(0, a_network(0.3).of_scenes())
    assert first.moments(1).size == 0
    assert first.moments(2).size == 3
    assert np.array_equal(mined(tmp_path, negatives).moments(2), first.moments(2))
    makers = [batches({"word": 5}, {"word": 0.2, "ambient": 0.8}, negatives, each) for each in (None, first)]
    early, late = 5, 25  # of ten steps an epoch
    assert np.array_equal(makers[0].batch(early)[0], makers[1].batch(early)[0])
    assert not np.array_equal(makers[0].batch(late)[0], makers[1].batch(late)[0])


def test_words_are_told_apart_by_pitch_and_pace_and_babble_is_many_at_once() -> None:
    time_s = np.arange(12800) / 16000.0

    def voice(hz: float, seconds: float) -> Word:
        tones = sum(np.sin(2 * np.pi * hz * k * time_s) / k for k in range(1, 9))
        return Word(samples=(2000.0 * tones).astype(np.int16)[: int(seconds * 16000)], label="nova")

    words = [voice(110, 0.5), voice(160, 0.5), voice(230, 0.5), voice(300, 0.3), voice(100, 0.8)]
    words.append(Word(samples=noise(0.5), label="nova"))
    counts = {name: len(some) for name, some in calibration.by_pitch(words).items()}
    assert counts == {"below 140 Hz": 2, "140 to 200 Hz": 1, "above 200 Hz": 2, "whispered": 1}
    assert {name: len(some) for name, some in calibration.by_pace(words).items()} == {
        "quick": 1,
        "usual pace": 4,
        "slow": 1,
    }
    babble = calibration.babble_of([noise(1.0, seed) for seed in range(6)])
    assert babble.std() == pytest.approx(noise(1.0).std() * (1.0 / 1.1) ** 0.5, rel=0.15)
    assert calibration.babble_of([]).size == 0


def test_drawn_sounds_have_their_level_and_repeat_with_the_seed() -> None:
    for maker in (sounds.coloured_noise, sounds.hum, sounds.melody, sounds.taps, sounds.clatter):
        first, again = (maker(16000, np.random.default_rng(3)) for _ in range(2))
        assert np.array_equal(first, again)
        assert np.sqrt(np.mean(first.astype(float) ** 2)) == pytest.approx(0.1, rel=0.01)
    assert np.abs(sounds.near_silence(16000, np.random.default_rng(3))).max() < 1e-3


def test_a_crowd_is_several_people_of_like_loudness_and_the_same_for_a_seed() -> None:
    sentences = [noise(0.7, seed) for seed in range(4)]
    babble = make_babble(sentences, [noise(10.0, 9)], crowds=2, seed=1)
    assert babble.size == 20 * 16000
    assert np.array_equal(babble, make_babble(sentences, [noise(10.0, 9)], crowds=2, seed=1))
    seconds = babble.reshape(20, -1).astype(float).std(axis=1) / (0.05 * 32768)
    assert 1.0 < seconds.min() < seconds.max() < 4.0  # of one person: 5 to 9 of them, each within 4 dB
    assert make_babble([], [], crowds=2, seed=1).size == make_babble(sentences, [], crowds=0, seed=1).size == 0


def test_a_crowd_is_heard_behind_scenes_at_its_own_level() -> None:
    config = FeaturesConfig(num_coefficients=None, scale=0.05, zero_point=-28)
    front_end, (speech_like, hum, crowd) = Features(config), (noise(1.0, seed) for seed in (1, 2, 3))
    settings = SurroundingsConfig(
        background_probability=1.0,
        background_snr_db=(60.0, 60.0),
        second_background_probability=0.0,
        babble_share=1.0,
        babble_snr_db=(0.0, 0.0),
        colour_db=0.0,
        gain_db=0.0,
    )
    plain, behind, babble = (front_end.compute(sound) for sound in (speech_like, hum, crowd))
    for others, nepers in ((babble, np.log(2.0) / 2.0), (None, 0.0)):
        heard = Surroundings(config, behind, settings, others).surround(plain[None], np.random.default_rng(0))[0]
        assert (heard.mean() - plain.mean()) * config.scale == pytest.approx(nepers, abs=0.1)
