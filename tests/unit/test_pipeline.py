# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_bundles import random_bundle, speech_like

from kws.bundle import Bundle
from kws.errors import AudioError, KwsError
from kws.features import Features
from kws.pipeline import Detection, Pipeline

AUDIO = speech_like(3.0)


def feed_in_chunks(pipeline: Pipeline, audio: np.ndarray, cuts: list[int]) -> tuple[list[Detection], np.ndarray]:
    events: list[Detection] = []
    scores = []
    for chunk in np.split(audio, sorted(cuts)):
        events += pipeline.feed(chunk)
        scores.append(pipeline.scores.smoothed)
    return events, np.concatenate(scores)


@settings(max_examples=25)
@given(cuts=st.lists(st.integers(0, AUDIO.size), max_size=12))
def test_results_do_not_depend_on_chunks(cuts: list[int]) -> None:
    whole = Pipeline(random_bundle(seed=1))
    expected_events = whole.feed(AUDIO)
    events, scores = feed_in_chunks(Pipeline(random_bundle(seed=1)), AUDIO, cuts)
    assert expected_events, "the comparison must have events in it"
    assert events == expected_events
    np.testing.assert_array_equal(scores, whole.scores.smoothed)


def test_one_sample_at_a_time_gives_the_same(streaming_bundle: Bundle) -> None:
    whole = Pipeline(streaming_bundle)
    expected = whole.feed(AUDIO[:20000])
    events, scores = feed_in_chunks(Pipeline(streaming_bundle), AUDIO[:20000], list(range(1, 20000)))
    assert events == expected
    np.testing.assert_array_equal(scores, whole.scores.smoothed)


def test_reset_forgets_everything(window_bundle: Bundle) -> None:
    pipeline = Pipeline(window_bundle)
    first = pipeline.feed(AUDIO), pipeline.scores.posteriors
    pipeline.feed(speech_like(1.3, seed=9))
    pipeline.reset()
    again = pipeline.feed(AUDIO), pipeline.scores.posteriors
    assert first[0] == again[0]
    np.testing.assert_array_equal(first[1], again[1])


def test_one_second_is_49_frames_and_the_first_decision(streaming_bundle: Bundle) -> None:
    pipeline = Pipeline(streaming_bundle)
    pipeline.feed(AUDIO[:16000])
    assert len(pipeline.frames) == 49
    # (49 - 10) / 2 + 1 = 20 rows of the first layer end with frame 47: stride 2 leaves the last frame over.
    assert pipeline.scores.frame_index.tolist() == [47]
    assert pipeline.scores.sample_index.tolist() == [47 * 320 + 480]


def test_streaming_decides_every_time_stride(streaming_bundle: Bundle) -> None:
    pipeline = Pipeline(streaming_bundle)
    pipeline.feed(AUDIO)
    assert set(np.diff(pipeline.scores.frame_index).tolist()) == {2}


def test_frames_are_those_of_the_feature_stage(streaming_bundle: Bundle) -> None:
    pipeline = Pipeline(streaming_bundle)
    pipeline.feed(AUDIO)
    features = Features(streaming_bundle.front_end)
    np.testing.assert_array_equal(pipeline.frames, features.compute(AUDIO))


def test_an_event_is_a_smoothed_posterior_that_reached_its_threshold(streaming_bundle: Bundle) -> None:
    pipeline = Pipeline(streaming_bundle)
    events = pipeline.feed(AUDIO)
    scores = pipeline.scores
    for event in events:
        (row,) = np.nonzero(scores.sample_index == event.sample_index)[0]
        assert event.score == scores.smoothed[row].max() == scores.smoothed[row, event.label_index]
        assert event.score >= 90
        assert event.label == streaming_bundle.labels[event.label_index]
    gaps = np.diff([event.sample_index for event in events])
    assert (gaps > 7 * 320).all()


def test_the_stricter_operating_point_fires_less(streaming_bundle: Bundle) -> None:
    loose = Pipeline(streaming_bundle, operating_point=0).feed(AUDIO)
    strict = Pipeline(streaming_bundle, operating_point=1).feed(AUDIO)
    assert len(strict) < len(loose)


def test_an_unknown_operating_point_is_refused(streaming_bundle: Bundle) -> None:
    with pytest.raises(KwsError, match=r"operating point 5: expected an index below 2"):
        Pipeline(streaming_bundle, operating_point=5)


def test_samples_of_another_type_are_refused(streaming_bundle: Bundle) -> None:
    pipeline = Pipeline(streaming_bundle)
    with pytest.raises(AudioError, match="float32"):
        pipeline.feed(AUDIO.astype(np.float32))
    with pytest.raises(AudioError, match=r"shape \[2, "):
        pipeline.feed(np.stack([AUDIO, AUDIO]))


def test_no_samples_are_no_frames(streaming_bundle: Bundle) -> None:
    pipeline = Pipeline(streaming_bundle)
    assert pipeline.feed(np.empty(0, np.int16)) == []
    assert pipeline.frames.shape == (0, 10)
