# SPDX-License-Identifier: Apache-2.0
"""Word projects: settings, scenes, targets, batches, the loss, the network, operating points."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from kws.datasets.synthetic import Utterance
from kws.datasets.synthetic_espeak import EspeakEngine
from kws.training.augment import sounds
from kws.training.augment.acoustics import AcousticsConfig
from kws.training.augment.features import Surroundings, SurroundingsConfig
from kws.training.fit import settings
from kws.training.fit.speech_trunk import ROW_FRAMES, Trunk, TrunkConfig, build
from kws.training.wakeword import calibration, mining, network, speech
from kws.training.wakeword import examples as example_scenes
from kws.training.wakeword.babble import make_babble
from kws.training.wakeword.batches import WordBatches, decision_targets
from kws.training.wakeword.config import (
    ExamplesConfig,
    SpeechConfig,
    WordConfig,
    WordProject,
    load_project,
    make_project,
    name_of,
)
from kws.training.wakeword.examples import Examples, Material, Order, SceneMaker, WindowShape, make_examples, plan
from kws.training.wakeword.learn import recognised, scene_loss
from kws.training.wakeword.mining import Mining

from kws.errors import ConfigError, SpeechEngineError
from kws.evaluation.streams import Word
from kws.features import Features, FeaturesConfig

SMALL = WordProject(
    name="hey_nova",
    words=(WordConfig(label="hey nova"),),
    speech=SpeechConfig(
        engines={"espeak-ng": 1.0},
        num_voices=30,
        takes_per_word=30,
        near_takes=20,
        sentences=20,
        near_words=10,
        near_mutations=10,
    ),
    acoustics=AcousticsConfig(num_rooms=2),
    examples=ExamplesConfig(variants_per_take=1, near=20, other=16, noise=8, crowds=1),
)
SHAPE = WindowShape(
    window_frames=58, scene_frames=98, hop_samples=320, window_samples=480, tail_samples=640, wake_samples=2560
)


TRUNK = TrunkConfig()


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> speech.SpeechBank:
    engine = EspeakEngine()
    folder = tmp_path_factory.mktemp("speech")
    return speech.speak(speech.write_script(SMALL.words, SMALL.speech, engine, seed=SMALL.seed), engine, folder)


def material(bank: speech.SpeechBank, *, validates: bool = False, project: WordProject = SMALL) -> Material:
    nothing = np.zeros(0, np.int16)
    return Material(
        features=TRUNK.features,
        acoustics=project.acoustics,
        seed=project.seed,
        shape=SHAPE,
        bank=bank,
        recordings=(),
        ambient=nothing,
        babble=nothing,
        validates=validates,
    )


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


def test_what_was_spoken_before_an_interruption_is_not_spoken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Tired(EspeakEngine):
        spoken, strength = 0, 25

        def synthesize(self, utterance: Utterance) -> np.ndarray:
            Tired.spoken += 1
            if Tired.spoken > Tired.strength:
                raise SpeechEngineError("tired")
            return super().synthesize(utterance)

    monkeypatch.setattr(speech, "PART_TAKES", 10)
    engine = Tired()
    script = speech.write_script(SMALL.words, SMALL.speech, engine, seed=SMALL.seed)
    script = replace(script, utterances=script.utterances[:30], kinds=script.kinds[:30], labels=script.labels[:30])
    with pytest.raises(SpeechEngineError, match="tired"):
        speech.speak(script, engine, tmp_path)
    Tired.spoken, Tired.strength, shown = 0, 1000, []
    gone_on = speech.speak(script, engine, tmp_path, lambda done, total: shown.append((done, total)))
    assert Tired.spoken == 10
    assert shown[0] == (10, 30)
    assert shown[-1] == (30, 30)
    (tmp_path / "b").mkdir()
    at_once = speech.speak(script, engine, tmp_path / "b")
    assert all(np.array_equal(vars(gone_on)[name], vars(at_once)[name]) for name in vars(at_once))


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
    shape = network.window_shape(SMALL.examples, TRUNK, bank, 1)
    word_s = float(np.quantile(speech.word_durations_s(bank, 1), 0.9))
    assert shape.window_frames * 0.02 >= word_s
    assert shape.window_frames % 2 == 0
    model = network.model_config(TRUNK, shape.window_frames)
    rows = (shape.window_frames - TRUNK.stem_frames) // ROW_FRAMES + 1
    assert sum(block.kernel[0] - 1 for block in model.blocks) == rows - 1  # one row is left
    assert model.blocks[-1].filters == TRUNK.channels


def a_trunk() -> Trunk:
    rng = np.random.default_rng(0)
    weights = [
        (rng.uniform(0.1, 1.0, weight.shape) - 0.5 * (weight.ndim > 1)).astype(np.float32)
        for weight in build(TRUNK, seed=1).get_weights()
    ]
    return Trunk(config=TRUNK, weights=tuple(weights[:-2]), head=tuple(weights[-2:]))


def a_network(anchor: float) -> network.WordNetwork:
    return network.WordNetwork(
        trunk=a_trunk(), window_frames=SHAPE.window_frames, num_labels=2, anchor=anchor, seed=SMALL.seed
    )


def test_the_network_of_a_window_says_what_the_network_of_scenes_says() -> None:
    scenes = a_network(anchor=1.0).of_scenes()
    features = np.random.default_rng(0).standard_normal((3, SHAPE.scene_frames, 40)).astype(np.float32)
    window = a_network(anchor=1.0).of_window(scenes)
    logits = scenes(features).numpy()
    assert logits.shape == (3, len(SHAPE.decision_samples(ROW_FRAMES)), 2)
    for decision in range(logits.shape[1]):
        start = ROW_FRAMES * decision
        cut = features[:, start : start + SHAPE.window_frames, :, None]
        np.testing.assert_allclose(logits[:, decision], window(cut), rtol=1e-3, atol=1e-3 * np.abs(logits).max())


def test_the_anchor_costs_nothing_until_the_trunk_moves() -> None:
    model = a_network(anchor=2.0).of_scenes()
    scene = np.random.default_rng(0).standard_normal((1, 60, 40)).astype(np.float32)
    model(scene)
    assert float(model.losses[0]) == pytest.approx(0.0, abs=1e-6)
    kernel, bias = model.get_layer("embedding").get_weights()
    model.get_layer("embedding").set_weights([kernel, bias + 3.0])
    model(scene)
    assert float(model.losses[0]) == pytest.approx(2.0 * 9.0, rel=1e-4)
    fixed = {id(variable) for variable in model.get_layer("fixed").variables}
    assert not fixed & {id(variable) for variable in model.trainable_variables}


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
    first, last = SHAPE.word_ends
    for number, take in enumerate(without_others.find("word", validates=False)[:5]):
        scene = scenes.make(Order(source="word", take=int(take), label=1), number)
        heard = np.flatnonzero(np.abs(scene.samples.astype(int)) > 1)
        assert first <= scene.end <= last
        assert abs(int(heard[-1]) + 1 - scene.end) <= 640
        assert scene.quiet_until < scene.end


def test_scenes_do_not_depend_on_how_the_work_was_shared(
    bank: speech.SpeechBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    side = material(bank)
    orders = plan(SMALL.examples, bank, validates=False)[::7][:9]
    together = make_examples(side, orders)
    monkeypatch.setattr(example_scenes, "_CHUNK", 3)
    monkeypatch.setattr(example_scenes, "_CHUNKS_PER_PROCESS", 1)
    assert np.array_equal(together.features, make_examples(side, orders).features)
    assert together.features.shape == (9, SHAPE.scene_frames, 40)


def test_the_plan_has_every_source_and_validation_is_smaller(bank: speech.SpeechBank) -> None:
    training, validation = (plan(SMALL.examples, bank, validates=side) for side in (False, True))
    assert {order.source for order in training} == {"word", "near", "other", "noise"}
    assert 0 < len(validation) < len(training) / 2


def test_it_should_wake_after_the_word_and_at_nothing_else() -> None:
    word = Examples(
        features=np.zeros((2, 98, 40), np.int8),
        labels=np.array([2, 0]),
        ends=np.array([20000, -1]),
        quiet_until=np.array([17000, SHAPE.num_samples]),
        sources=np.array(["word", "near"]),
    )
    heard = SHAPE.decision_samples(ROW_FRAMES)
    assert heard[0] == 480 + 57 * 320
    assert heard[-1] == SHAPE.num_samples == 480 + 97 * 320
    targets = decision_targets(word, SHAPE, 3)
    assert (targets[1] == [1, 0, 0]).all()
    asleep, awake = targets[0, :, 0] == 1, targets[0, :, 2] == 1
    assert np.array_equal(asleep, heard <= 17000)
    assert np.array_equal(awake, (heard >= 20640) & (heard <= 23200))
    assert not targets[0, :, 1].any()


def test_the_loss_weighs_the_hardest_of_the_quiet_as_much_as_all_of_it() -> None:
    """Two labels, logits (0, z): the loss of a quiet decision is ln(1 + e^z), of an awake one ln(1 + e^-z)."""
    targets = np.zeros((2, 6, 2), np.float32)
    targets[0, :, 0] = 1.0
    targets[1, 0, 1] = 1.0
    logits = np.zeros((2, 6, 2), np.float32)
    logits[0, :3, 1] = 2.0
    logits[1, 0, 1] = 1.0
    easy, hard = np.log(2.0), np.log(1.0 + np.exp(2.0))
    quiet, hit = scene_loss(targets, logits, smoothing=0.0).numpy()
    assert quiet == pytest.approx(((easy + hard) / 2 + hard) / 2, rel=1e-5)
    assert hit == pytest.approx(np.log(1.0 + np.exp(-1.0)), rel=1e-5)


def test_a_held_out_take_is_recognised_when_its_word_leads_at_one_moment() -> None:
    """The logits are the first two features; of four takes of word 1, it leads in the first and the last."""
    scene = keras.Input((98, 40))
    model = keras.Model(scene, keras.layers.Cropping1D((0, 38))(keras.layers.Permute((2, 1))(scene)))
    model = keras.Model(scene, keras.layers.Permute((2, 1))(model.output))
    heard = np.full((4, 98, 40), TRUNK.features.zero_point, np.int8)
    heard[:, :, 0] += 2  # at every moment the other label is likelier ...
    heard[0, 50, 1] += 3  # ... but for one
    heard[1, 50, 1] += 1
    heard[3, :, 1] += 9
    takes = Examples(
        features=heard,
        labels=np.ones(4, np.int64),
        ends=np.full(4, 20000),
        quiet_until=np.full(4, 17000),
        sources=np.array(["recording"] * 4),
    )
    assert recognised(model, takes, TRUNK.features) == 0.5
    assert recognised(model, None, TRUNK.features) is None


def examples(counts: dict[str, int]) -> Examples:
    sources = np.array([source for source, count in counts.items() for _ in range(count)])
    word = sources == "word"
    return Examples(
        features=np.arange(len(sources), dtype=np.int8)[:, None, None] * np.ones((1, 98, 40), np.int8),
        labels=word.astype(np.int64),
        ends=np.where(word, 20000, -1),
        quiet_until=np.where(word, 17000, SHAPE.num_samples),
        sources=sources,
    )


def batches(
    counts: dict[str, int],
    mix: dict[str, float],
    negatives: np.ndarray | None = None,
    moments: Mining | None = None,
) -> WordBatches:
    return WordBatches(
        examples(counts),
        examples({"word": 2, "near": 2}),
        np.zeros((0, 40), np.int8) if negatives is None else negatives,
        np.zeros((0, 40), np.int8),
        TRUNK.features,
        shape=SHAPE,
        config=replace(SMALL.examples, per_epoch=640),
        masks=SMALL.masks,
        mix=mix,
        num_labels=2,
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
        assert margins[decision] == pytest.approx(logits[1:].max() - logits[0], abs=1e-4)


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
    for maker in (sounds.coloured_noise, sounds.hum, sounds.melody, sounds.taps):
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
    assert 1.0 < seconds.min() < seconds.max() < 4.0  # of one person: 3 to 7 of them, each within 4 dB
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
