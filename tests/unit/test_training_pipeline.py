# SPDX-License-Identifier: Apache-2.0
"""Batches are a function of (seed, step), hold what the proportions say, and come from the C front end."""

import csv
import dataclasses
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from training_fixtures import LABELS, TINY_RUN, tiny_batches, tiny_data, tones

from kws.audio import write_wav
from kws.datasets import speech_commands
from kws.datasets.corpus import Clip, Corpus, Split
from kws.errors import DatasetError
from kws.features import Features, FeaturesConfig
from kws.training.augment.mixing import AugmentConfig
from kws.training.clips.batches import ClipBatches, compute_features
from kws.training.clips.config import DataConfig
from kws.training.clips.dataset import from_corpus, split_noise, with_silence
from kws.training.fit.train import Loader

UNTOUCHED = AugmentConfig(time_shift_ms=0, noise_probability=0.0, gain_db=(0.0, 0.0), time_masks=0, feature_masks=0)


def test_words_that_are_no_labels_become_unknown() -> None:
    clips = tones(["low", "buzz", "high", "chirp"], seed=1)
    assert [LABELS[label] for label in clips.labels] == ["low", "unknown", "high", "unknown"]
    assert clips.words == ("low", "buzz", "high", "chirp")


def test_an_epoch_holds_every_keyword_once_and_the_shares_asked_for() -> None:
    maker = tiny_batches()
    # 32 keyword clips are the remaining half: 64 in all, 20 % silence, 30 % unknown.
    assert maker.epoch_clips == 32 + 13 + 19
    positions = maker.epoch_positions(0)
    assert len(set(positions.tolist())) == len(positions)
    assert (positions >= 64).sum() == 13
    assert not np.array_equal(positions, maker.epoch_positions(1))


def test_more_unknown_than_there_is_repeats_clips_evenly() -> None:
    run = dataclasses.replace(TINY_RUN, data=dataclasses.replace(TINY_RUN.data, fractions={"unknown": 0.75}))
    positions = tiny_batches(run).epoch_positions(0)
    counts = np.bincount(positions, minlength=64)
    unknown = tiny_data().training.labels == LABELS.index("unknown")
    assert counts[unknown].sum() == 96
    assert set(counts[unknown]) == {3}


def test_a_batch_depends_on_its_number_alone() -> None:
    maker, other = (tiny_batches() for _ in range(2))
    in_order = [maker.features(step) for step in range(6)]
    features, labels = other.features(5)
    assert np.array_equal(features, in_order[5][0])
    assert np.array_equal(labels, in_order[5][1])
    assert not np.array_equal(in_order[1][0], in_order[5][0])


def test_without_augmentation_training_features_are_those_of_the_core() -> None:
    run = dataclasses.replace(TINY_RUN, augment=UNTOUCHED)
    maker, data = tiny_batches(run), tiny_data()
    positions = maker.epoch_positions(0)[:16]
    features, labels = maker.features(0)
    core = Features(run.features)
    for position, feature, label in zip(positions, features, labels, strict=True):
        if position < len(data.training):
            assert np.array_equal(feature, core.compute(data.training.audio[position]))
            assert label == data.training.labels[position]
        else:
            assert LABELS[label] == "silence"


def test_cached_variants_are_reused_in_turn_and_equal_fresh_ones() -> None:
    def features_of(maker: ClipBatches, epoch: int) -> dict[int, bytes]:
        step = epoch * maker.steps_per_epoch
        return {
            int(position): row.tobytes()
            for index in range(maker.steps_per_epoch)
            for position, row in zip(
                maker.epoch_positions(epoch)[index * 16 : index * 16 + 16],
                maker.features(step + index)[0],
                strict=True,
            )
        }

    keep = dataclasses.replace(TINY_RUN.augment, time_masks=0, feature_masks=0)
    cached = tiny_batches(dataclasses.replace(TINY_RUN, augment=dataclasses.replace(keep, variants=2)))
    fresh = tiny_batches(dataclasses.replace(TINY_RUN, augment=keep))
    first, second, third = (features_of(cached, epoch) for epoch in range(3))
    shared = first.keys() & third.keys()
    assert len(shared) > 40
    assert all(first[position] == third[position] for position in shared)
    assert any(first[position] != second[position] for position in first.keys() & second.keys())
    again = features_of(fresh, 0)
    assert first == again


def test_the_tf_dataset_carries_real_values_and_one_hot_labels() -> None:
    maker = tiny_batches()
    batches = list(Loader(maker).dataset(1, 2).as_numpy_iterator())
    assert len(batches) == maker.steps_per_epoch
    features, labels = maker.features(maker.steps_per_epoch)
    inputs, targets = batches[0]
    assert inputs.shape[1:] == maker.input_shape
    assert np.array_equal(inputs[..., 0], TINY_RUN.features.dequantize(features))
    assert np.array_equal(targets, np.eye(len(LABELS))[labels])


def test_real_values_are_scale_times_distance_from_the_zero_point() -> None:
    config = FeaturesConfig(scale=0.5, zero_point=-3)
    assert config.dequantize(np.array([-128, -3, 127], np.int8)).tolist() == [-62.5, 0.0, 65.0]


def test_features_of_a_set_do_not_depend_on_chunks() -> None:
    clips = tones(["low", "high"] * 200, seed=9)
    features = compute_features(clips, TINY_RUN.features)
    assert features.shape[0] == 400
    assert np.array_equal(features[399], Features(TINY_RUN.features).compute(clips.audio[399]))


def test_noise_is_cut_so_that_validation_hears_other_noise() -> None:
    recording = np.arange(1000, dtype=np.int16)
    (heard,), (kept_aside,) = split_noise([recording, recording[:1]])  # too short to be cut
    assert np.array_equal(np.concatenate([heard, kept_aside]), recording)
    assert heard.size == 800


def test_validation_silence_is_appended_and_reproducible() -> None:
    clips, noise = tones(["low"], seed=1), np.random.default_rng(1).normal(0, 99, 20000).astype(np.int16)
    first, again = (with_silence(clips, [noise], 3, LABELS, seed=4) for _ in range(2))
    assert first.labels.tolist() == [2, 0, 0, 0]
    assert np.array_equal(first.clips(), again.clips())
    with pytest.raises(DatasetError, match="longer than"):
        with_silence(clips, [noise[:100]], 3, LABELS, seed=4)


def corpus_of(splits: dict[str, str]) -> Corpus:
    clips = [
        Clip(path=Path(f"{word}.wav"), word=word, speaker=word, split=cast(Split, split))
        for word, split in splits.items()
    ]
    return Corpus(name="x", root=Path("x"), clips=tuple(clips), noise=())


@pytest.mark.parametrize(
    ("splits", "says"),
    [
        ({"low": "training"}, "no training clips for high; the folder has low"),
        ({"low": "training", "high": "validation"}, "no training clips for high"),
        ({"low": "training", "high": "training", "chirp": "validation"}, "no validation clips of any label"),
    ],
)
def test_a_corpus_that_cannot_teach_the_labels_is_refused(splits: dict[str, str], says: str) -> None:
    with pytest.raises(DatasetError, match=says):
        from_corpus(corpus_of(splits), TINY_RUN.data)


def test_corrected_words_and_splits_of_the_same_recordings_are_other_data(tmp_path: Path) -> None:
    for number, samples in enumerate(np.random.default_rng(1).integers(-9000, 9000, (4, 16000))):
        write_wav(tmp_path / f"{number}.wav", samples.astype(np.int16))

    def digest(words: list[str], splits: list[str]) -> str:
        with (tmp_path / "manifest.csv").open("w", newline="") as file:
            rows = [(f"{row}.wav", words[row], "x", splits[row]) for row in range(4)]
            csv.writer(file).writerows([("path", "word", "speaker", "split"), *rows])
        config = DataConfig(labels=("yes", "no"), fractions={})
        return from_corpus(speech_commands.open_folder(tmp_path), config, cache=tmp_path / "cache").digest

    halves = ["training"] * 2 + ["validation"] * 2
    first = digest(["yes", "no", "yes", "no"], halves)
    assert digest(["yes", "no", "yes", "no"], halves) == first
    assert digest(["no", "yes", "yes", "no"], halves) != first
    assert digest(["yes", "no", "no", "no"], halves) != first
    assert digest(["yes", "no", "yes", "no"], halves[::-1]) != first
