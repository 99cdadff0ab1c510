# SPDX-License-Identifier: Apache-2.0
"""Hits, misses and false accepts: cases small enough to work by hand. One second is 16000 samples."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws.errors import EvaluationError
from kws.evaluation.events import match_events
from kws.evaluation.metrics import Rate, StreamScore, false_accepts_per_hour, false_reject_rate
from kws.evaluation.truth import Truth, Window

SECOND = 16000
MINUTE = 60 * SECOND


@dataclass(frozen=True)
class Spotted:
    sample_index: int
    label: str = "yes"


def word(start: int, end: int, label: str = "yes") -> Window:
    return Window(label=label, start_sample=start, end_sample=end)


ONE_WORD = Truth(num_samples=MINUTE, windows=(word(10 * SECOND, 11 * SECOND),))


@pytest.mark.parametrize("sample_index", [10 * SECOND, 10 * SECOND + 1, 11 * SECOND, 12 * SECOND])
def test_an_event_from_the_start_to_exactly_one_second_after_the_end_hits(sample_index: int) -> None:
    matching = match_events([Spotted(sample_index)], ONE_WORD)
    assert (len(matching.hits), len(matching.misses), len(matching.false_accepts)) == (1, 0, 0)


@pytest.mark.parametrize("sample_index", [10 * SECOND - 1, 12 * SECOND + 1])
def test_an_event_one_sample_outside_is_a_false_accept_and_the_word_is_missed(sample_index: int) -> None:
    matching = match_events([Spotted(sample_index)], ONE_WORD)
    assert (len(matching.hits), len(matching.misses), len(matching.false_accepts)) == (0, 1, 1)


def test_two_events_in_one_window_count_once() -> None:
    matching = match_events([Spotted(11 * SECOND), Spotted(11 * SECOND + 8000)], ONE_WORD)
    assert (len(matching.hits), len(matching.repeats), len(matching.false_accepts)) == (1, 1, 0)
    assert matching.hits[0].event.sample_index == 11 * SECOND  # the first answers


def test_one_burst_is_one_false_accept() -> None:
    burst = [Spotted(30 * SECOND + hop * 320) for hop in range(50)]  # 50 hops of 20 ms: 0.98 s
    matching = match_events(burst, ONE_WORD)
    assert (len(matching.false_accepts), len(matching.repeats)) == (1, 49)


def test_an_alarm_that_goes_on_counts_once_a_second() -> None:
    alarm = [Spotted(30 * SECOND + hop * 320) for hop in range(151)]  # 3.0 s
    assert len(match_events(alarm, ONE_WORD).false_accepts) == 4  # at 0, 1, 2 and 3 s


def test_an_echo_within_a_second_of_a_hit_is_a_repeat_even_after_the_window() -> None:
    matching = match_events([Spotted(12 * SECOND - 100), Spotted(12 * SECOND + 200)], ONE_WORD)
    assert (len(matching.hits), len(matching.repeats), len(matching.false_accepts)) == (1, 1, 0)


def test_a_false_accept_just_before_a_word_does_not_swallow_its_hit() -> None:
    matching = match_events([Spotted(10 * SECOND - 100), Spotted(10 * SECOND + 200)], ONE_WORD)
    assert (len(matching.hits), len(matching.false_accepts)) == (1, 1)


def test_another_word_inside_a_window_is_a_wrong_word_and_a_miss() -> None:
    matching = match_events([Spotted(11 * SECOND, label="no")], ONE_WORD)
    assert (len(matching.wrong_words), len(matching.misses), len(matching.false_accepts)) == (1, 1, 0)


def test_two_words_that_overlap_within_a_second_each_take_one_event() -> None:
    truth = Truth(num_samples=MINUTE, windows=(word(0, 8000), word(16000, 24000)))
    matching = match_events([Spotted(20000), Spotted(23000)], truth)  # both lie in both windows
    assert [hit.event.sample_index for hit in matching.hits] == [20000, 23000]


def test_latency_runs_from_the_end_of_the_word() -> None:
    hit = match_events([Spotted(11 * SECOND + 1600)], ONE_WORD).hits[0]
    assert hit.latency_samples == 1600
    assert StreamScore(matchings=(match_events([hit.event], ONE_WORD),)).median_latency_ms == 100.0


def test_an_event_beyond_the_recording_is_refused() -> None:
    with pytest.raises(ValueError, match="another recording"):
        match_events([Spotted(MINUTE + 1)], ONE_WORD)


def test_negative_hours_leave_out_each_window_and_its_second_once() -> None:
    windows = (word(10 * SECOND, 11 * SECOND), word(11 * SECOND, 12 * SECOND), word(59 * SECOND, MINUTE))
    truth = Truth(num_samples=MINUTE, windows=windows)
    assert truth.negative_samples == MINUTE - 3 * SECOND - 1 * SECOND  # 10 s..13 s overlap; 59 s..60 s is cut


def test_false_accepts_per_hour_states_count_hours_and_garwood_interval() -> None:
    truth = Truth(num_samples=2 * 3600 * SECOND)
    rate = false_accepts_per_hour([Spotted(SECOND), Spotted(100 * SECOND)], truth)
    assert (rate.count, rate.hours, rate.per_hour) == (2, 2.0, 1.0)
    assert rate.interval == pytest.approx((0.242 / 2, 7.225 / 2), abs=3e-4)


def test_false_reject_rate_is_missed_words_over_spoken_words() -> None:
    truth = Truth(
        num_samples=MINUTE,
        windows=(word(0, 8000), word(5 * SECOND, 6 * SECOND), word(20 * SECOND, 21 * SECOND)),
    )
    misses = false_reject_rate([Spotted(5 * SECOND)], truth)
    assert (misses.count, misses.total) == (2, 3)


def test_scores_add_up_over_recordings() -> None:
    quiet = Truth(num_samples=3600 * SECOND - 2 * SECOND + 2 * SECOND)
    score = StreamScore(matchings=(match_events([Spotted(11 * SECOND)], ONE_WORD), match_events([Spotted(50)], quiet)))
    assert (score.num_hits, score.false_rejects.count, score.false_accepts.count) == (1, 0, 1)
    assert score.false_accepts.hours == pytest.approx((3600 + 58) / 3600)


def test_a_rate_without_negative_audio_is_refused() -> None:
    with pytest.raises(EvaluationError, match="there is none"):
        Rate(count=0, hours=0.0)


def test_a_window_beyond_the_recording_is_refused() -> None:
    with pytest.raises(EvaluationError, match="another recording"):
        Truth(num_samples=100, windows=(word(0, 101),))


def test_a_window_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(EvaluationError, match="0 <= start <= end"):
        word(10, 9)


TENTHS = st.integers(0, 600)
WINDOWS = st.lists(
    st.tuples(TENTHS, st.integers(0, 15), st.sampled_from(["yes", "no"])),
    max_size=8,
    unique_by=lambda window: window[0],
)
EVENTS = st.lists(st.tuples(TENTHS, st.sampled_from(["yes", "no"])), max_size=25)


@given(windows=WINDOWS, events=EVENTS, order=st.randoms(use_true_random=False))
def test_every_window_and_every_event_lands_in_exactly_one_place(windows, events, order) -> None:
    truth = Truth(
        num_samples=2 * MINUTE, windows=tuple(word(s * 1600, (s + n) * 1600, label) for s, n, label in windows)
    )
    spotted = [Spotted(at * 1600, label) for at, label in events]
    matching = match_events(spotted, truth)
    hits = [hit.event for hit in matching.hits]
    placed = [*hits, *matching.false_accepts, *matching.wrong_words, *matching.repeats]
    assert sorted(placed, key=repr) == sorted(spotted, key=repr)
    assert len(matching.hits) + len(matching.misses) == len(truth.windows)
    for hit in matching.hits:
        assert hit.window.label == hit.event.label
        assert hit.window.start_sample <= hit.event.sample_index <= hit.window.end_sample + SECOND
    for event in matching.false_accepts:
        assert not any(w.start_sample <= event.sample_index <= w.end_sample + SECOND for w in truth.windows)
    order.shuffle(spotted)
    assert match_events(spotted, truth).hits == matching.hits


def test_a_rate_of_little_audio_is_told_in_seconds() -> None:
    assert str(Rate(count=1, hours=3.4 / 3600)).startswith("1058.82 /h (1 in 3.4 s, 95 % ")
    assert str(Rate(count=0, hours=1.5)).startswith("0.00 /h (0 in 1.50 h, 95 % 0.00-")
