# SPDX-License-Identifier: Apache-2.0
"""Word projects: settings, what is spoken, scenes, targets, the loss, the network."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

import keras
import numpy as np
import pytest
from word_fixtures import PLAIN, SHAPE, SMALL, TRUNK, a_network

from kws.datasets.synthetic import Utterance
from kws.datasets.synthetic_espeak import EspeakEngine
from kws.errors import ConfigError, SpeechEngineError
from kws.training.fit import settings
from kws.training.fit.config import TRUNK_FILES, Size
from kws.training.fit.speech_trunk import ROW_FRAMES
from kws.training.wakeword import examples as example_scenes
from kws.training.wakeword import network, speech
from kws.training.wakeword.batches import decision_targets
from kws.training.wakeword.config import (
    WordConfig,
    WordDecisionConfig,
    WordProject,
    load_project,
    make_project,
    name_of,
)
from kws.training.wakeword.examples import Examples, Material, Order, SceneMaker, make_examples, plan
from kws.training.wakeword.learn import Weights, mean_of, recognised, scene_loss
from kws.training.wakeword.run import pause_decisions


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
    assert project.labels == ("unknown", "nova", "silence")
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
        {"name": "x", "words": [{"label": "a"}], "decision": {"smoothing_decisions": 65}},
        {"name": "x", "words": [{"label": "a"}], "decision": {"refractory_ms": -1}},
        {"name": "x", "words": [{"label": "a"}], "decision": {"pause_score": 256}},
        {"name": "x", "words": [{"label": "a"}], "decision": {"pause_gap_ms": -1}},
        {"name": "x", "words": [{"label": "a"}], "decision": {"pause_penalty": 0}},
        {"name": "x", "words": [{"label": "a"}], "decision": {"fa_per_hour": [0.5] * 9}},
        {"name": "x", "words": [{"label": "a"}], "decision": {"fa_per_hour": [0.5, float("nan")]}},
        {"name": "x", "words": [{"label": "a"}], "decision": {"fa_per_hour": []}},
        {"name": "x", "words": [{"label": "a"}], "trainings": 0},
        {"name": "x", "words": [{"label": "a"}], "seed": -1},
        {"name": "x", "words": [{"label": "a"}], "optimizer": {"epochs": 0}},
        {"name": "x", "words": [{"label": "a"}], "optimizer": {"learning_rate": 0.0}},
        {"name": "x", "words": [{"label": "a"}], "optimizer": {"ema_decay": 1.0}},
        {"name": "x", "words": [{"label": "a"}], "examples": {"mix": {"word": -1.0}}},
        {"name": "x", "words": [{"label": "a"}], "examples": {"mix": {"word": 0.5, "wrod": 0.5}}},
        {"name": "x", "words": [{"label": "a"}], "examples": {"mix": {"near": 1.0}}},
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


def test_every_size_knows_its_trunk_and_its_decisions() -> None:
    for size in get_args(Size):
        project = make_project(("nova",), size=size)
        assert project.trunk_file == TRUNK_FILES[size]
        assert project.smoothing_decisions >= 1
    with pytest.raises(ConfigError, match="expected one of micro, small, full, got 'tiny'"):
        make_project(("nova",), size="tiny")


def test_a_trunk_of_ones_own_lies_beside_the_project(tmp_path: Path) -> None:
    mine = tmp_path / "mine.npz"
    assert make_project(("nova",), trunk=mine).trunk_file == mine
    (tmp_path / "nova.toml").write_text('name = "nova"\ntrunk = "mine.npz"\n[[words]]\nlabel = "nova"\n')
    assert load_project(tmp_path / "nova.toml").trunk_file == mine


def test_places_in_a_project_are_relative_to_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "nova.toml"
    path.write_text('name = "nova"\nrecordings = "mine"\nambient = ["radio", "/tv"]\n[[words]]\nlabel = "nova"\n')
    project = load_project(path)
    assert project.recordings == tmp_path / "mine"
    assert project.ambient == (tmp_path / "radio", Path("/tv"))
    assert project.heard is None


def test_the_network_is_the_mean_of_its_trainings() -> None:
    shapes = ((3, 2), (4,))
    networks = [Weights(arrays=tuple(np.full(shape, 3.0 * n, np.float32) for shape in shapes)) for n in range(3)]
    for mean, shape in zip(mean_of(networks).arrays, shapes, strict=True):
        np.testing.assert_array_equal(mean, np.full(shape, 3.0, np.float32))


@pytest.mark.parametrize(
    ("window_frames", "gap_ms", "decisions"),
    [
        (58, 840, 50),  # 57 hops of 20 ms, 30 ms of frame, 840 ms: 2010 ms, and a decision every 40
        (78, 840, 60),  # 400 ms more of word
        (58, 1840, 75),
    ],
)
def test_a_pause_counts_until_some_time_after_it_has_left_the_window(
    window_frames: int, gap_ms: int, decisions: int
) -> None:
    config = WordDecisionConfig(pause_gap_ms=gap_ms)
    assert pause_decisions(config, replace(SHAPE, window_frames=window_frames)) == decisions


def test_the_script_keeps_speakers_apart_and_says_every_kind(bank: speech.SpeechBank) -> None:
    assert {str(kind) for kind in bank.kinds} == {"word", "accent", "near", "other"}
    words = np.isin(bank.kinds, ("word", "accent"))
    assert words.sum() == 30
    assert 0 < bank.validates.sum() < len(bank)
    assert (bank.labels[words] == 1).all()
    assert (bank.labels[~words] == 0).all()


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


def test_takes_of_another_script_are_not_taken_for_these() -> None:
    engine = EspeakEngine()
    script = speech.write_script(SMALL.words, SMALL.speech, engine, seed=1)
    assert script.sha256 == speech.write_script(SMALL.words, SMALL.speech, engine, seed=1).sha256
    first = replace(script.utterances[0], rate_wpm=script.utterances[0].rate_wpm + 1)
    assert replace(script, utterances=(first, *script.utterances[1:])).sha256 != script.sha256
    assert replace(script, labels=(0, *script.labels[1:])).sha256 != script.sha256


def test_a_bank_reads_back_as_it_was(bank: speech.SpeechBank, tmp_path: Path) -> None:
    bank.save(tmp_path / "bank.npz")
    again = speech.SpeechBank.load(tmp_path / "bank.npz")
    assert np.array_equal(again.take(3), bank.take(3))
    assert list(again.texts) == list(bank.texts)


def test_a_phrase_of_five_seconds_or_without_people_who_validate_is_refused(
    bank: speech.SpeechBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    speech.check_words(bank, SMALL.word_labels)
    with pytest.raises(ConfigError, match="said by too few"):
        speech.check_words(replace(bank, validates=np.zeros(len(bank), bool)), SMALL.word_labels)
    monkeypatch.setattr(speech, "LONGEST_WORD_S", 0.2)
    with pytest.raises(SpeechEngineError, match="shorter phrase"):
        speech.check_words(bank, SMALL.word_labels)


def test_a_phrase_that_takes_far_too_long_is_refused_before_its_accents_are_sought(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(speech, "accents", pytest.fail)
    words = (WordConfig(label="very " * 40),)
    with pytest.raises(SpeechEngineError, match=r"takes [5-9]\.\d s to say; a wake word may take 2\.0 s"):
        speech.write_script(words, SMALL.speech, EspeakEngine(), seed=1)


def test_the_window_holds_the_word_and_the_network_fits_the_window(bank: speech.SpeechBank) -> None:
    shape = network.window_shape(SMALL.examples, TRUNK, bank, 1)
    word_s = float(np.quantile(speech.word_durations_s(bank, 1), 0.9))
    assert shape.window_frames * 0.02 >= word_s
    assert shape.window_frames % 2 == 0
    model = network.model_config(TRUNK, shape.window_frames)
    rows = (shape.window_frames - TRUNK.stem_frames) // ROW_FRAMES + 1
    assert sum(block.kernel[0] - 1 for block in model.blocks) == rows - 1  # one row is left
    assert model.blocks[-1].filters == TRUNK.channels


def test_the_network_of_a_window_says_what_the_network_of_scenes_says() -> None:
    scenes = a_network(anchor=1.0).of_scenes()
    features = np.random.default_rng(0).standard_normal((3, SHAPE.scene_frames, 40)).astype(np.float32)
    window = a_network(anchor=1.0).of_window(scenes)
    logits = scenes(features).numpy()
    assert logits.shape == (3, len(SHAPE.decision_samples(ROW_FRAMES)), 3)
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


UNCHANGED = replace(SMALL, acoustics=PLAIN)


def test_a_word_ends_where_the_window_shape_says(bank: speech.SpeechBank) -> None:
    without_others = replace(bank, kinds=np.where(bank.kinds == "other", "near", bank.kinds))
    scenes = SceneMaker(material(without_others, project=UNCHANGED))
    first, last = SHAPE.word_ends
    for number, take in enumerate(without_others.find("word", validates=False)[:5]):
        scene = scenes.make(Order(source="word", take=int(take), label=1), number)
        heard = np.flatnonzero(np.abs(scene.samples.astype(int)) > 1)
        assert first <= scene.end <= last
        assert abs(int(heard[-1]) + 1 - scene.end) <= 640
        assert scene.quiet_until < scene.end


def test_a_quarter_of_the_pauses_are_crowds_and_none_without_any(bank: speech.SpeechBank) -> None:
    """A crowd that whistles at 3 kHz, and sounds of pauses at most as loud, of which none does."""
    whistle = np.rint(3000 * np.sin(2 * np.pi * 3000 * np.arange(160_000) / 16000)).astype(np.int16)
    guests = replace(material(bank, project=UNCHANGED), babble=whistle)
    orders = [Order(source="pause", take=-1, label=0)] * 120

    def crowds(side: Material) -> int:
        maker = SceneMaker(side)
        spectra = [np.abs(np.fft.rfft(maker.make(order, n).samples)) for n, order in enumerate(orders)]
        loudest_hz = [spectrum.argmax() * 16000 / SHAPE.num_samples for spectrum in spectra]
        return sum(abs(hz - 3000) < 1 for hz in loudest_hz)

    assert crowds(guests) == pytest.approx(30, abs=4 * np.sqrt(120 * 0.25 * 0.75))
    assert crowds(material(bank, project=UNCHANGED)) == 0


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
    assert {order.source for order in training} == {"word", "accent", "near", "other", "noise", "pause"}
    assert {order.source for order in validation} == {"word", "near", "other", "noise", "pause"}
    assert {order.label for order in training if order.source in ("word", "accent")} == {1}
    assert 0 < len(validation) < len(training) / 2


def test_it_should_wake_after_the_word_and_at_nothing_else() -> None:
    word = Examples(
        features=np.zeros((3, 98, 40), np.int8),
        labels=np.array([2, 0, 0]),
        ends=np.array([24000, -1, -1]),
        quiet_until=np.array([21000, SHAPE.num_samples, SHAPE.num_samples]),
        spoken=np.array([[17000, 24000], [8000, 9000], [0, 0]]),
        sources=np.array(["word", "near", "pause"]),
    )
    heard = SHAPE.decision_samples(ROW_FRAMES)
    assert heard[0] == 480 + 57 * 320
    assert heard[-1] == SHAPE.num_samples == 480 + 97 * 320
    targets = decision_targets(word, SHAPE, 4)
    assert (targets[1] == [1, 0, 0, 1]).all(), "unknown or silence, since the take is a click of 60 ms"
    assert (targets[2] == [0, 0, 0, 1]).all(), "silence"
    assert 0 < (heard < 20200).sum() < (heard <= 21000).sum()
    assert np.array_equal(targets[0, :, 3], heard < 20200), "unknown once 0.2 s of it were heard"
    asleep, awake = targets[0, :, 0] == 1, targets[0, :, 2] == 1
    assert np.array_equal(asleep, heard <= 21000)
    assert np.array_equal(awake, (heard >= 24640) & (heard <= 27200))
    assert not targets[0, :, 1].any()


def test_the_loss_weighs_the_hardest_of_the_quiet_as_much_as_all_of_it() -> None:
    """Unknown and silence make 0 together, the word's logit is z: a quiet decision costs ln(1 + e^z), an awake one
    ln(1 + e^-z). Where only one of the two is right, half of ln(1 + e^-d) comes to it, d being its lead."""
    lead = 1.5
    logits = np.zeros((4, 6, 3), np.float32)
    logits[..., 0] = -np.log(1.0 + np.exp(lead))
    logits[..., 2] = logits[..., 0] + lead
    logits[[0, 2], :3, 1] = 2.0
    logits[1, 0, 1] = 1.0
    targets = np.zeros((4, 6, 3), np.float32)
    targets[0][:, [0, 2]] = 1.0
    targets[1, 0, 1] = 1.0
    targets[2, :, 0] = 1.0
    targets[3, :, 2] = 1.0
    easy, hard = np.log(2.0), np.log(1.0 + np.exp(2.0))
    mixed = ((easy + hard) / 2 + hard) / 2
    right, wrong = np.log(1.0 + np.exp(-lead)) / 2, np.log(1.0 + np.exp(lead)) / 2
    losses = scene_loss(targets, logits, smoothing=0.0).numpy()
    np.testing.assert_allclose(
        losses, [mixed, np.log(1.0 + np.exp(-1.0)) + wrong, mixed + wrong, easy + right], rtol=1e-5
    )


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
        spoken=np.tile([12000, 20000], (4, 1)),
        sources=np.array(["recording"] * 4),
    )
    assert recognised(model, takes, TRUNK.features) == 0.5
    assert recognised(model, None, TRUNK.features) is None
