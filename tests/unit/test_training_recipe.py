# SPDX-License-Identifier: Apache-2.0
"""The recipe's clips are what they claim to be, and everything repeats from its seed."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from training_fixtures import LABELS, TINY_RUN, tiny_data

from kws.audio import write_wav
from kws.errors import ConfigError, DatasetError
from kws.training.augment.clips import ClipAcoustics, ClipAcousticsConfig
from kws.training.clips.batches import compute_features
from kws.training.clips.config import RunConfig
from kws.training.clips.recipe import chimeras, listener, mining, synthetic
from kws.training.clips.recipe.batches import RecipeBatches, mix, move
from kws.training.clips.recipe.config import (
    ListenerConfig,
    MaskingConfig,
    MiningConfig,
    PolishConfig,
    RecipeConfig,
    SyntheticConfig,
    TeacherConfig,
)
from kws.training.clips.recipe.learn import balance, learn, recipe_batches, with_mined
from kws.training.clips.recipe.sources import (
    Source,
    continuous_speech,
    cut_loud,
    gather,
    negative_recordings,
)
from kws.training.fit import settings
from kws.training.fit.architectures import build_logits_model
from kws.training.fit.config import BlockConfig, ModelConfig, StemConfig
from kws.training.fit.train import TrainedModel

QUIET = ClipAcousticsConfig(
    speed_spread=0.0, shift_ms=0.0, reverberation_probability=0.0, gain_spread_db=0.0, noise_probability=0.0
)
NOISE = (np.random.default_rng(7).normal(0, 400, 40000).astype(np.int16),)
SHARES = {"keywords": 0.4, "unknown": 0.2, "continuous": 0.1, "chimeras": 0.1, "reversed": 0.1, "silence": 0.1}
TINY_RECIPE = RecipeConfig(
    clips_per_epoch=64,
    variants=2,
    shares=SHARES,
    continuous_folders=("talk",),
    continuous_clips=12,
    chimera_clips=10,
    reversed_clips=8,
    silence_clips=6,
)


def burst(start: int, stop: int, value: int) -> np.ndarray:
    clip = np.zeros(16000, np.int16)
    clip[start:stop] = value
    return clip


def prepared(recipe: RecipeConfig, data_folder: Path, out: Path) -> RecipeBatches:
    return recipe_batches(
        tiny_data(),
        continuous_speech(data_folder, ("talk",), evaluation=False),
        recipe,
        features=TINY_RUN.features,
        optimizer=TINY_RUN.optimizer,
        seed=TINY_RUN.seed,
        named="tiny",
        out=out,
    )


@pytest.fixture
def data_folder(tmp_path: Path) -> Path:
    talk = tmp_path / "talk"
    talk.mkdir()
    rng = np.random.default_rng(4)
    for number in range(6):
        write_wav(talk / f"{number}.wav", rng.normal(0, 100 * (number + 1), 12000).astype(np.int16))
    return tmp_path / "words"


def test_a_chimera_starts_as_one_word_and_ends_as_another() -> None:
    clips = np.stack([burst(4000, 12000, 1000), burst(4000, 12000, -1000)])
    made = chimeras.chimeras(clips, ("left", "right"), 6, np.random.default_rng(1))
    for clip in made:
        voiced = clip[clip != 0]
        assert {int(np.sign(voiced[0])), int(np.sign(voiced[-1]))} == {1, -1}
        first, last = np.flatnonzero(clip)[[0, -1]]
        assert abs((first + last) / 2 - 8000) < 400


def test_words_that_share_a_vowel_are_never_spliced() -> None:
    clips = np.stack([burst(4000, 12000, 1000), burst(4000, 12000, -1000), burst(4000, 12000, 2000)])
    made = chimeras.chimeras(clips, ("no", "go", "left"), 20, np.random.default_rng(1))
    peaks = {(int(clip[clip != 0][0] > 0), int(clip[clip != 0][-1] > 0)) for clip in made}
    assert (0, 0) not in peaks
    assert len(made) == 20


def test_words_that_become_keywords_backwards_are_spared() -> None:
    clips = np.stack([burst(0, 10, 1), burst(0, 10, 2)])
    made = chimeras.backwards(clips, ("no", "stop"), 3, np.random.default_rng(1))
    assert np.array_equal(made, np.repeat(clips[1:, ::-1], 3, axis=0))


def test_with_everything_off_acoustics_change_nothing() -> None:
    clips = np.random.default_rng(1).integers(-9000, 9000, (3, 8000)).astype(np.int16)
    clips[:, -1] = 0
    assert np.array_equal(ClipAcoustics(QUIET, NOISE, ()).augment(clips, np.random.default_rng(1)), clips)


def test_noise_lies_below_the_speech_by_the_ratio_asked_for() -> None:
    config = replace(QUIET, noise_probability=1.0, snr_db=(20.0, 20.0), babble_probability=0.0)
    tone = np.rint(8000 * np.sin(np.arange(16000) / 5)).astype(np.int16)[None]
    mixed = ClipAcoustics(config, NOISE, ()).augment(tone, np.random.default_rng(1)).astype(float)
    ratio_db = 20 * np.log10(8000 / np.sqrt(2) / np.sqrt(np.mean((mixed - tone)[:, :-1] ** 2)))
    assert ratio_db == pytest.approx(20.0, abs=0.3)


def test_loud_gains_clamp_and_never_wrap() -> None:
    tone = np.rint(30000 * np.sin(np.arange(8000) / 5)).astype(np.int16)[None].repeat(20, axis=0)
    loud = ClipAcoustics(replace(QUIET, gain_spread_db=20.0), NOISE, ()).augment(tone, np.random.default_rng(2))
    assert (np.sign(loud[:, :-1]) * np.sign(tone[:, :-1]) >= 0).all()
    assert loud.max() == 32767


def test_silence_has_levels_between_the_limits() -> None:
    config = replace(QUIET, silence_level_db=(-40.0, -30.0))
    clips = ClipAcoustics(config, NOISE, ()).silence(16, 8000, np.random.default_rng(1)).astype(float) / 32768
    level_db = 10 * np.log10(np.mean(clips**2, axis=1))
    assert level_db.min() > -40.5
    assert level_db.max() < -29.5


def test_rare_words_are_drawn_more_often_than_their_share_of_clips() -> None:
    words = ("often",) * 16 + ("rarely",)
    source = Source(name="unknown", audio=np.zeros((17, 1), np.int16), labels=np.ones(17, np.int64), words=words)
    weights = source.weights()
    assert weights.sum() == pytest.approx(1.0)
    assert weights[16] / weights[:16].sum() == pytest.approx(0.25)
    keywords = replace(source, name="keywords").weights()
    assert keywords[16] == pytest.approx(keywords[:16].sum()), "every keyword alike"


def test_every_fifth_recording_is_left_for_evaluation(data_folder: Path) -> None:
    training = continuous_speech(data_folder, ("talk",), evaluation=False)
    kept = continuous_speech(data_folder, ("talk",), evaluation=True)
    assert (len(training), len(kept)) == (4, 2)


def test_missing_continuous_speech_says_what_to_do(data_folder: Path) -> None:
    with pytest.raises(DatasetError, match=r"'nowhere'.*continuous_folders"):
        continuous_speech(data_folder, ("nowhere",), evaluation=False)


def test_negatives_are_searched_deep_and_their_absence_says_what_to_do(data_folder: Path, tmp_path: Path) -> None:
    deep = data_folder.parent / "negatives" / "films" / "one"
    deep.mkdir(parents=True)
    write_wav(deep / "a.wav", np.arange(20000).astype(np.int16))
    recordings = negative_recordings(data_folder, ("negatives",))
    assert [recording.size for recording in recordings] == [20000]
    with pytest.raises(DatasetError, match=r"'silent'.*kws dataset download negatives"):
        negative_recordings(data_folder, ("silent",))
    shares = {"keywords": 0.5, "negatives": 0.5}
    few = replace(TINY_RECIPE, shares=shares, negative_clips=5)
    (_, source) = gather(tiny_data(), (), recordings, few, seed=1, out=tmp_path)
    assert source.audio.shape == (5, tiny_data().training.audio.shape[1])
    assert {LABELS[label] for label in source.labels} == {"unknown"}


def test_what_is_spoken_is_kept_and_other_words_are_spoken_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    voices = SyntheticConfig(engines={"espeak-ng": 0.5, "flite": 0.5}, num_voices=4, clips_per_keyword=2)
    recipe = replace(TINY_RECIPE, synthetic=voices, shares={"synthetic_keywords": 1.0})
    (spoken,) = gather(tiny_data(), (), (), recipe, seed=1, out=tmp_path)
    monkeypatch.setattr(synthetic, "synthesize_words", None)
    harder = replace(recipe, variants=9)
    (again,) = gather(tiny_data(), (), (), harder, seed=1, out=tmp_path)
    assert (again.name, again.words) == (spoken.name, spoken.words) == ("synthetic_keywords", spoken.words)
    assert np.array_equal(again.audio, spoken.audio)
    assert np.array_equal(again.labels, spoken.labels)
    others = replace(recipe, synthetic=replace(voices, num_voices=5))
    with pytest.raises(TypeError):
        gather(tiny_data(), (), (), others, seed=1, out=tmp_path)


def test_cuts_prefer_where_somebody_talks() -> None:
    recording = np.zeros(64000, np.int16)
    recording[32000:] = 5000
    loud = cut_loud([recording], 40, 16000, np.random.default_rng(1))
    assert (np.abs(loud).max(axis=1) > 0).mean() > 0.8


def test_mixing_keeps_targets_a_distribution_and_leaves_half_alone() -> None:
    targets = np.eye(4, dtype=np.float32)[np.arange(400) % 4]
    inputs = targets[:, None].copy()
    mixed, soft = mix(inputs, targets, 0.4, np.random.default_rng(1))
    assert soft.sum(axis=1) == pytest.approx(1.0)
    assert np.array_equal(mixed[:, 0], soft)
    assert 0.4 < (soft.max(axis=1) == 1.0).mean() < 0.8


def test_shares_must_make_a_whole() -> None:
    with pytest.raises(ConfigError, match=r"sum of 1, got 0\.5"):
        settings.parse(RunConfig, {"name": "x", "recipe": {"shares": {"keywords": 0.5}}}, where="x.toml")
    with pytest.raises(ConfigError, match="birdsong is no source"):
        settings.parse(RunConfig, {"name": "x", "recipe": {"shares": {"birdsong": 1.0}}}, where="x.toml")


def test_words_to_synthesise_hold_no_keyword() -> None:
    keywords = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
    others = synthetic.other_words(keywords)
    assert len(others) > 600
    assert not set(others) & set(keywords)


def test_synthetic_clips_hold_the_word_near_the_middle() -> None:
    config = SyntheticConfig(num_voices=4, clips_per_keyword=2)
    audio, words = synthetic.speak_keywords(("up", "go"), config, 16000, seed=1)
    assert words == ("up", "up", "go", "go")
    for clip in audio.astype(float):
        centre = np.average(np.arange(16000), weights=clip**2)
        assert abs(centre - 8000) < 4000
        assert np.abs(clip).max() == pytest.approx(16384, abs=2)


def test_batches_repeat_after_reloading_and_hold_the_sources_by_share(data_folder: Path, tmp_path: Path) -> None:
    first, again = (prepared(TINY_RECIPE, data_folder, tmp_path) for _ in range(2))
    assert len(list((tmp_path / "work").glob("variants-*"))) == 1
    for ours, theirs in zip(first.batch(3), again.batch(3), strict=True):
        assert np.array_equal(ours, theirs)
    drawn = np.concatenate([first.batch(step)[1].argmax(axis=1) for step in range(60)])
    shares = np.bincount(drawn, minlength=4) / drawn.size
    assert shares[LABELS.index("silence")] == pytest.approx(0.1, abs=0.03)
    assert shares[LABELS.index("unknown")] == pytest.approx(0.5, abs=0.05)


def test_other_acoustics_are_computed_anew_and_other_masks_are_not(data_folder: Path, tmp_path: Path) -> None:
    for recipe in (
        TINY_RECIPE,
        replace(TINY_RECIPE, masking=MaskingConfig(time_masks=3)),
        replace(TINY_RECIPE, acoustics=QUIET),
    ):
        prepared(recipe, data_folder, tmp_path)
    assert len(list((tmp_path / "work").glob("variants-*"))) == 2


def test_the_polish_draws_clips_as_they_are(data_folder: Path, tmp_path: Path) -> None:
    flat = MaskingConfig(colour_db=0.0, gain_db=0.0, time_masks=0, feature_masks=0)
    batches = prepared(replace(TINY_RECIPE, masking=flat), data_folder, tmp_path)
    plain = TINY_RUN.features.dequantize(compute_features(tiny_data().training, TINY_RUN.features))
    known = {clip.tobytes() for clip in plain}
    labelled = [LABELS.index(name) for name in ("low", "high")]

    def share_of_known(some: RecipeBatches) -> float:
        inputs, targets = some.batch(0)
        return float(np.mean([clip.tobytes() in known for clip in inputs[np.isin(targets.argmax(axis=1), labelled)]]))

    assert share_of_known(batches) == 0.0
    assert share_of_known(replace(batches, plain_share=1.0)) == 1.0


def test_the_polish_goes_on_from_the_trained_network(data_folder: Path, tmp_path: Path) -> None:
    speech = continuous_speech(data_folder, ("talk",), evaluation=False)

    def trained(recipe: RecipeConfig) -> TrainedModel:
        run = TINY_RUN
        return learn(
            tiny_data(), speech, recipe, features=run.features, model=run.model, optimizer=run.optimizer,
            seed=run.seed, named="tiny", out=tmp_path,
        )  # fmt: skip

    plain = trained(TINY_RECIPE)
    polished = trained(replace(TINY_RECIPE, polish=PolishConfig(epochs=1, plain_share=0.5)))
    assert polished.history[:-1] == plain.history
    assert len(list((tmp_path / "work").glob("train-*"))) == 1  # the polish is no reason to train again
    assert not np.array_equal(polished.model.get_weights()[0], plain.model.get_weights()[0])


def test_a_teacher_softens_the_targets_and_is_trained_once(data_folder: Path, tmp_path: Path) -> None:
    teacher = TeacherConfig(width=4, blocks_per_stage=1, epochs=1)
    batches = prepared(replace(TINY_RECIPE, teacher=teacher, teacher_weight=0.5), data_folder, tmp_path)
    _, targets = batches.batch(0)
    assert targets.sum(axis=1) == pytest.approx(1.0)
    assert (targets.max(axis=1) >= 0.5).all()
    assert (targets.max(axis=1) < 1.0).all()
    made = next(tmp_path.rglob("opinions.npy")).stat().st_mtime_ns
    softer = prepared(replace(TINY_RECIPE, teacher=teacher, teacher_weight=0.9), data_folder, tmp_path)
    assert next(tmp_path.rglob("opinions.npy")).stat().st_mtime_ns == made
    assert softer.batch(0)[1].max(axis=1).mean() < targets.max(axis=1).mean()


STREAMS = ModelConfig(stem=StemConfig(filters=4), blocks=(BlockConfig(filters=4),), time_padding="valid", dropout=0.0)


def of_frames(frames: int) -> keras.Model:
    return build_logits_model(STREAMS, input_shape=(frames, TINY_RUN.features.num_features, 1), num_labels=3, seed=1)


def test_a_stream_is_heard_as_its_windows_are() -> None:
    config, network = TINY_RUN.features, of_frames(49)
    frames = np.random.default_rng(0).integers(-100, 60, (7001, config.num_features)).astype(np.int8)
    found = mining.hear(network, of_frames, frames, config, [2])
    assert len(found) == 1 + (7001 - 49) // 2
    for decision in (0, 1475, 1476, len(found) - 1):  # two chunks meet between the second and the third
        window = config.dequantize(frames[None, 2 * decision : 2 * decision + 49])[..., None]
        powers = np.exp(np.asarray(network(window, training=False))[0])
        assert found[decision] == pytest.approx(powers[2] / powers.sum(), abs=1e-4)


def test_moments_in_which_a_keyword_is_likely_said_are_left_out(
    data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(TINY_RECIPE, mining=MiningConfig(rounds=(1,), moments=3, share=0.5), listener=ListenerConfig())
    films = [np.random.default_rng(n).normal(0, 900, 160_000).astype(np.int16) for n in range(3)]
    nearness = np.zeros(1450, np.float32)
    nearness[[100, 300, 500, 700, 900]] = [0.9, 0.8, 0.7, 0.6, 0.5]
    monkeypatch.setattr(mining, "hear", lambda *_: nearness)
    monkeypatch.setattr(listener, "likely_keywords", lambda audio, *_, **__: np.arange(len(audio)) % 2 == 0)
    masking = MaskingConfig(colour_db=0.0, gain_db=0.0, time_masks=0, feature_masks=0)
    batches = replace(prepared(TINY_RECIPE, data_folder, tmp_path), masking=masking)
    batches = with_mined(batches, LABELS, films, recipe, of_frames, folder=tmp_path, place=tmp_path)
    assert batches.mined is not None
    batches.mined.rounds.after_epoch(0, of_frames(batches.input_shape[0]))
    assert np.abs(batches.mined.rounds.moments(2) - [300, 700]).max() <= 1
    inputs, targets = batches.batch(2 * batches.steps_per_epoch)
    heard = batches.features.dequantize(batches.mined.stream.features)
    for clip, target in zip(inputs[: len(inputs) // 2, ..., 0], targets, strict=False):
        near = [2 * (moment + late) for moment in (299, 300, 699, 700) for late in range(-4, 5)]
        assert any(np.array_equal(clip, heard[first : first + clip.shape[0]]) for first in near)
        assert target[LABELS.index("unknown")] == 1.0


def test_the_bias_of_unknown_makes_labels_count_alike() -> None:
    logits = np.array([[2.0, 2.5], [2.0, -1.0], [0.0, 2.0], [0.0, 3.0], [0.0, 4.0]], np.float32)
    labels = np.array([0, 0, 1, 1, 1])
    inputs = keras.Input((2,))
    dense = keras.layers.Dense(2, name="logits")
    model = keras.Model(inputs, dense(inputs))
    dense.set_weights([np.eye(2, dtype=np.float32), np.zeros(2, np.float32)])
    balance(model, logits, labels, 1)
    assert -3.0 < float(dense.bias.numpy()[1]) < -0.5
    assert float(dense.bias.numpy()[0]) == 0.0
    assert np.array_equal(np.asarray(model(logits)).argmax(axis=1), labels)


def test_moved_clips_repeat_their_ends() -> None:
    clips = np.tile(np.arange(20, dtype=np.int8)[:, None], (64, 1, 2))
    move(clips, 3, np.random.default_rng(1))
    shifts = clips[:, 10, 0].astype(int) - 10
    assert 20 <= (shifts != 0).sum() <= 40
    assert np.abs(shifts).max() == 3
    expected = np.clip(np.arange(20) + shifts[:, None], 0, 19)
    assert np.array_equal(clips, np.repeat(expected[:, :, None], 2, axis=2))
