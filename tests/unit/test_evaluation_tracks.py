# SPDX-License-Identifier: Apache-2.0
"""The detector over score tracks, DET curves and calibrated thresholds: hand-worked, and equal to the pipeline."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from random_bundles import random_bundle, speech_like

from kws.bundle import Bundle
from kws.decision import DecisionConfig, describe_point
from kws.errors import EvaluationError
from kws.evaluation.calibration import calibrate_bundle, measure_bundle, promise
from kws.evaluation.det import det_curve, score_tracks
from kws.evaluation.operating_point import calibrate, estimate, hours_needed
from kws.evaluation.tracks import ScoreTrack, detect, score_recording
from kws.evaluation.truth import Truth, Window
from kws.pipeline import Pipeline, Scores

LABELS = ("unknown", "go", "stop")
HOUR = 3600 * 16000


def track(peaks: Sequence[tuple[int, str, int]], *, hours: float = 1.0, windows: Sequence[Window] = ()) -> ScoreTrack:
    """One decision a second; (second, label, posterior) peaks out of a floor of unknown."""
    seconds = round(3600 * hours)
    smoothed = np.zeros((seconds, len(LABELS)), np.uint8)
    smoothed[:, 0] = 10
    for second, label, posterior in peaks:
        smoothed[second, LABELS.index(label)] = posterior
    scores = Scores(
        sample_index=(np.arange(seconds, dtype=np.uint64) + 1) * 16000,
        frame_index=np.arange(seconds, dtype=np.uint32) * 50 + 49,
        posteriors=smoothed,
        smoothed=smoothed,
    )
    truth = Truth(num_samples=seconds * 16000, windows=tuple(windows))
    return ScoreTrack(name="made", labels=LABELS, scores=scores, truth=truth)


def said(label: str, second: int) -> Window:
    """A word that the peak of the same second answers."""
    return Window(label=label, start_sample=second * 16000, end_sample=second * 16000 + 8000)


def test_an_event_needs_its_own_labels_threshold() -> None:
    heard = detect(track([(5, "go", 100), (9, "stop", 100), (20, "go", 99)]), (0, 100, 101), 10)
    assert [(event.label, event.sample_index, event.score) for event in heard] == [("go", 6 * 16000, 100)]


def test_nothing_fires_in_the_refractory_time() -> None:
    peaks = track([(5, "go", 200), (6, "go", 200), (7, "go", 200)])
    assert len(detect(peaks, (0, 100, 100), 100)) == 1  # 100 frames: two seconds
    assert len(detect(peaks, (0, 100, 100), 99)) == 2


def test_the_detector_over_a_track_equals_the_pipeline() -> None:
    bundle = random_bundle(seed=4)
    audio = speech_like(6.0, seed=9)
    pipeline = Pipeline(bundle)
    expected = pipeline.feed(audio)
    scored = score_recording(Pipeline(bundle), audio)
    point = bundle.decision.operating_points[0]
    assert expected
    assert detect(scored, point.thresholds, bundle.decision.refractory_frames) == expected


def test_a_recording_is_padded_only_as_far_as_its_last_word_may_be_answered(streaming_bundle: Bundle) -> None:
    audio = speech_like(2.0)
    windows = [Window(label="left", start_sample=20000, end_sample=30000)]
    pipeline = Pipeline(streaming_bundle)
    assert score_recording(pipeline, audio, windows).truth.num_samples == 30000 + 16000
    assert score_recording(pipeline, audio).truth.num_samples == 32000


def test_truth_of_a_longer_recording_is_refused(streaming_bundle: Bundle) -> None:
    windows = [Window(label="left", start_sample=20000, end_sample=40000)]
    with pytest.raises(EvaluationError, match="another recording"):
        score_recording(Pipeline(streaming_bundle), speech_like(2.0), windows)


def test_thresholds_of_another_bundle_are_refused() -> None:
    with pytest.raises(ValueError, match="one for each of 3 labels"):
        detect(track([]), (1, 2), 10)


def test_det_curve_by_hand() -> None:
    peaks = [(5, "go", 200), (50, "go", 120), (100, "go", 150), (200, "stop", 130)]
    words = [said("go", 5), said("go", 50)]
    curve = det_curve([track(peaks, windows=words)], ["go", "stop"], 50, thresholds=[100, 125, 140, 160, 210])
    assert [p.score.false_rejects.count for p in curve] == [0, 1, 1, 1, 2]
    assert [p.score.false_accepts.count for p in curve] == [2, 2, 1, 0, 0]


def test_one_keyword_alone_takes_other_words_for_negative_audio() -> None:
    heard = track([(5, "go", 200), (50, "stop", 200)], windows=[said("go", 5), said("go", 50)])
    alone = heard.only("stop")
    assert alone.truth.windows == ()
    (point,) = det_curve([alone], ["stop"], 50, thresholds=[100])
    assert point.score.false_accepts.count == 1


def test_det_curve_of_an_unknown_keyword_is_refused() -> None:
    with pytest.raises(ValueError, match="not among the labels"):
        det_curve([track([])], ["marvin"], 50)


@pytest.mark.parametrize(("rate", "hours"), [(0.5, 5.99), (0.1, 29.96), (3.0, 0.9986)])
def test_hours_needed_follow_the_rule_of_three(rate: float, hours: float) -> None:
    assert hours_needed(rate) == pytest.approx(hours, abs=0.005)


def test_no_audio_at_all_is_refused() -> None:
    everything = Window(label="go", start_sample=0, end_sample=HOUR)
    with pytest.raises(EvaluationError, match="no audio without the keyword"):
        calibrate([track([], windows=[everything])], ["go"], 50, fa_per_hour=5.0)


def test_the_lowest_threshold_within_the_rate_is_chosen() -> None:
    peaks = [(100 * i, "go", level) for i, level in enumerate((200, 190, 180, 170, 160, 150), start=1)]
    chosen = calibrate([track(peaks)], ["go"], 50, fa_per_hour=3.0)
    assert chosen.thresholds == (0, 171, 0)  # 200, 190 and 180 fire: three an hour
    assert chosen.false_accepts.count == 3


def test_allowed_false_accepts_go_where_they_lower_a_threshold_most() -> None:
    peaks = [(100, "go", 240), (200, "go", 235), (300, "stop", 200), (400, "stop", 100), (500, "stop", 90)]
    chosen = calibrate([track(peaks)], ["go", "stop"], 50, fa_per_hour=3.0, lowest_threshold=64)
    # The first lowers "stop" by 100 (201 to 101); the other two lower "go" by 88.5 each (241 to 64).
    assert chosen.thresholds == (0, 64, 101)
    assert chosen.false_accepts.count == 3


def test_no_threshold_falls_below_the_lowest_however_quiet_the_audio() -> None:
    assert calibrate([track([])], ["go"], 50, fa_per_hour=3.0).thresholds == (0, 64, 0)


def exponential_moments(count: int, hours: float, scale: float, seed: int) -> ScoreTrack:
    """Moments whose log odds lie above -2 as an exponential distribution of the given scale does."""
    rng = np.random.default_rng(seed)
    odds = -2.0 + rng.exponential(scale, count)
    scores = np.rint(255.0 / (1.0 + np.exp(-odds))).astype(int)
    seconds = rng.permutation(np.arange(2, round(3600 * hours) - 2, 3))[:count]
    return track([(int(t), "go", int(score)) for t, score in zip(seconds, scores, strict=True)], hours=hours)


def test_an_estimate_by_hand() -> None:
    # 21 moments: one at even odds and, above it, 20 whose log odds are 1 on average; in half an hour 20 exceed 0.
    score = round(255 / (1 + np.exp(-1.0)))
    peaks = [(60 * i, "go", score) for i in range(1, 21)] + [(1500, "go", 127)]
    (_, threshold, other) = estimate([track(peaks, hours=0.5)], ["go"], 50, fa_per_hour=4.0)
    wanted = np.log(20 / 2.0)  # two events in half an hour: log(10) scales above even odds
    assert threshold == pytest.approx(255 / (1 + np.exp(-wanted)), abs=1.5)
    assert other == 0


@pytest.mark.parametrize("wanted", [0.5, 2.0])
def test_estimates_from_half_an_hour_hold_over_a_hundred(wanted: float) -> None:
    thresholds = [
        estimate([exponential_moments(300, 0.5, 0.7, seed)], ["go"], 50, fa_per_hour=wanted)[1] for seed in range(12)
    ]
    # 600 moments an hour exceed -2 by this distribution; so many of them exceed the typical threshold.
    odds = np.log((np.array(thresholds) - 0.5) / (255.5 - np.array(thresholds)))
    rates = 600.0 * np.exp(-(odds + 2.0) / 0.7)
    assert wanted / 3.0 < np.median(rates) < wanted * 3.0, rates


def test_words_share_the_rate_of_an_estimate() -> None:
    moments = exponential_moments(300, 0.5, 0.7, 1)
    alone = estimate([moments], ["go"], 50, fa_per_hour=1.0)[1]
    shared = estimate([moments], ["go", "stop"], 50, fa_per_hour=2.0)
    assert shared[1] == alone
    assert shared[2] == 64  # nothing was ever heard of it


def test_an_estimate_needs_audio() -> None:
    everything = Window(label="go", start_sample=0, end_sample=HOUR)
    with pytest.raises(EvaluationError, match="no audio without the keyword"):
        estimate([track([], windows=[everything])], ["go"], 50, fa_per_hour=5.0)


def test_a_rate_out_of_reach_is_refused() -> None:
    always = [(10 * i, "go", 255) for i in range(1, 300)]
    with pytest.raises(EvaluationError, match="out of reach"):
        calibrate([track(always)], ["go"], 50, fa_per_hour=3.0)


def test_points_carry_what_was_measured_on_audio_kept_aside(streaming_bundle: Bundle) -> None:
    bundle = streaming_bundle.replace(decision=_rarely(streaming_bundle))
    chosen_on = {"chirps": [score_recording(Pipeline(bundle), speech_like(60.0, seed=3))]}
    kept_aside = {"other chirps": [score_recording(Pipeline(bundle), speech_like(60.0, seed=4))]}
    calibrated, promises = calibrate_bundle(bundle, chosen_on, kept_aside, [600.0, 1200.0], source="chirps")
    points = calibrated.decision.operating_points
    assert [point.thresholds for point in points] == [chosen.thresholds for chosen in promises]
    for point, chosen, stored in zip(points, promises, calibrated.metadata["calibration"], strict=True):
        again = score_tracks(kept_aside["other chirps"], point.thresholds, bundle.decision.refractory_frames)
        assert point.false_accepts_per_hour == pytest.approx(again.false_accepts.per_hour, abs=0.001)
        assert chosen.calibration.count <= chosen.wanted_fa_per_hour / 60.0
        assert stored["measured_false_accepts_per_hour"]["count"] == again.false_accepts.count


def test_points_that_were_chosen_elsewhere_are_measured_as_they_are(streaming_bundle: Bundle) -> None:
    bundle = streaming_bundle.replace(decision=_rarely(streaming_bundle))
    report = {
        "chirps": [score_recording(Pipeline(bundle), speech_like(60.0, seed=4))],
        "more": [score_recording(Pipeline(bundle), speech_like(120.0, seed=5))],
    }
    measured, (told,) = measure_bundle(bundle, report, source="chirps, more")
    (before,), (after,) = bundle.decision.operating_points, measured.decision.operating_points
    assert after.thresholds == before.thresholds
    counts = [
        score_tracks(tracks, before.thresholds, bundle.decision.refractory_frames).false_accepts.count
        for tracks in report.values()
    ]
    assert [rate.count for rate in told.by_kind.values()] == counts
    assert sum(counts) > 0
    assert after.false_accepts_per_hour == pytest.approx(sum(counts) * 20.0, abs=0.001)  # in three minutes
    assert describe_point(measured.decision, measured.metadata, 0).startswith(f"{sum(counts) * 20.0:.2g} /h measured (")
    assert describe_point(bundle.decision, bundle.metadata, 0) == "false accepts not measured"
    with pytest.raises(EvaluationError, match="no audio without the keyword"):
        measure_bundle(bundle, {}, source="")


def test_without_audio_kept_aside_a_point_is_an_estimate() -> None:
    peaks = [(100 * i, "go", level) for i, level in enumerate((200, 190, 180, 170, 160, 150), start=1)]
    (chosen,) = promise({"radio": [track(peaks)]}, {}, ["go"], 50, rates_per_hour=[3.0])
    assert chosen.thresholds == (0, 171, 0)  # an hour is enough to show three an hour ...
    assert chosen.point.false_accepts_per_hour is None  # ... but it was chosen there, which measures nothing
    assert chosen.sentence.startswith("estimate")


def test_what_the_audio_is_too_short_to_show_comes_from_its_tail() -> None:
    moments = exponential_moments(300, 2.0, 0.7, 1)
    strict, middle, loose = promise({"radio": [moments]}, {}, ["go"], 50, rates_per_hour=[0.1, 0.5, 2.0])
    assert not loose.remark
    assert "0.5 per hour takes 6.0 h without the words to show, there were 2.00 h" in middle.remark
    assert loose.thresholds[1] < middle.thresholds[1] < strict.thresholds[1]


def test_hours_of_silence_do_not_pay_for_a_spotter_that_wakes_at_films() -> None:
    film = track([(100 * i, "go", 200 + i) for i in range(1, 11)])  # ten wakes in an hour, at 201 to 210
    silence = track([], hours=4.0)
    (pooled,) = promise({"all": [film, silence]}, {}, ["go"], 50, rates_per_hour=[3.0])
    (by_kind,) = promise({"film": [film], "silence": [silence]}, {}, ["go"], 50, rates_per_hour=[3.0])
    assert pooled.thresholds[1] <= 201  # ten in five hours
    assert by_kind.thresholds[1] == 208  # three in the hour of film
    assert by_kind.calibration.count == 3


def _rarely(bundle: Bundle) -> DecisionConfig:
    point = replace(bundle.decision.operating_points[0], thresholds=(0, 0, 200, 200))
    return replace(bundle.decision, operating_points=(point,), refractory_frames=50)
