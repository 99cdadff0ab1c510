# SPDX-License-Identifier: Apache-2.0
"""Facts about stage 1 in C: the ring between interrupt and main loop, and the cutting into windows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws.core import aligned_new, ffi, lib


def _samples(values: np.ndarray) -> object:
    return ffi.from_buffer("int16_t[]", np.ascontiguousarray(values, dtype=np.int16))


class Ring:
    def __init__(self, capacity: int) -> None:
        self.memory = ffi.new("int16_t[]", capacity)
        self.ring = ffi.new("kws_audio_ring_t *")
        assert lib.kws_audio_ring_init(self.ring, self.memory, capacity) == lib.KWS_OK

    def write(self, values: list[int]) -> int:
        return int(lib.kws_audio_ring_write(self.ring, _samples(np.array(values, dtype=np.int16)), len(values)))

    def read(self, most: int) -> list[int]:
        """Take what lies in a row, at most so many."""
        in_a_row = ffi.new("uint32_t *")
        samples = lib.kws_audio_ring_peek(self.ring, in_a_row)
        values = list(samples[0 : min(most, in_a_row[0])])
        lib.kws_audio_ring_consume(self.ring, len(values))
        return values


@pytest.mark.parametrize("capacity", [0, 3, 6, 100])
def test_ring_wants_a_power_of_two(capacity: int) -> None:
    memory = ffi.new("int16_t[]", 128)
    ring = ffi.new("kws_audio_ring_t *")
    assert lib.kws_audio_ring_init(ring, memory, capacity) == lib.KWS_ERROR_ARGUMENT
    assert lib.kws_audio_ring_init(ring, ffi.NULL, 64) == lib.KWS_ERROR_ARGUMENT


def test_full_ring_counts_what_it_refuses() -> None:
    ring = Ring(8)
    assert ring.write(list(range(6))) == 6
    assert ring.write([10, 11, 12]) == 2
    assert ring.ring.dropped == 1
    assert ring.read(100) == [0, 1, 2, 3, 4, 5, 10, 11]
    assert ring.read(100) == []
    assert lib.kws_audio_ring_available(ring.ring) == 0


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=60))
def test_ring_is_a_queue_of_bounded_length(steps: list[tuple[int, int]]) -> None:
    ring, queue, following = Ring(16), [], 0
    ring.ring.written = ring.ring.read = 2**32 - 7  # the counters wrap soon
    for write, read in steps:
        offered = list(range(following, following + write))
        taken = ring.write(offered)
        assert taken == min(write, 16 - len(queue))
        queue += offered[:taken]
        following = (following + write) % 30000
        to_end = 16 - ring.ring.read % 16
        got = ring.read(read)
        assert got == queue[: len(got)]
        assert len(got) == min(read, len(queue), to_end)
        queue = queue[len(got) :]
        assert lib.kws_audio_ring_available(ring.ring) == len(queue)


def _frames(samples: np.ndarray, chunks: list[int], window: int, hop: int) -> list[list[int]]:
    base, _owner = aligned_new(4096)
    arena, framer, complete = ffi.new("kws_arena_t *"), ffi.new("kws_audio_framer_t *"), ffi.new("bool *")
    lib.kws_arena_init(arena, base, 4096)
    assert lib.kws_audio_framer_init(framer, window, hop, arena) == lib.KWS_OK
    frames, position = [], 0
    for chunk in [*chunks, len(samples)]:
        end = min(position + chunk, len(samples))
        while position < end:
            part = samples[position:end]
            wanted = lib.kws_audio_framer_wanted(framer)
            taken = lib.kws_audio_framer_step(framer, _samples(part), len(part), complete)
            assert taken == min(wanted, len(part))
            assert complete[0] == (taken == wanted)
            position += taken
            if complete[0]:
                frames.append(list(framer.window[0:window]))
    return frames


@given(
    num_samples=st.integers(0, 900),
    window=st.integers(1, 140),
    hop=st.integers(1, 160),
    chunks=st.lists(st.integers(0, 150), max_size=30),
)
def test_windows_do_not_depend_on_the_chunks(num_samples: int, window: int, hop: int, chunks: list[int]) -> None:
    samples = np.arange(num_samples, dtype=np.int16)
    expected = [list(samples[start : start + window]) for start in range(0, num_samples - window + 1, hop)]
    assert _frames(samples, chunks, window, hop) == expected


def test_reset_forgets_what_was_heard() -> None:
    base, _owner = aligned_new(64)
    arena, framer, complete = ffi.new("kws_arena_t *"), ffi.new("kws_audio_framer_t *"), ffi.new("bool *")
    lib.kws_arena_init(arena, base, 64)
    assert lib.kws_audio_framer_init(framer, 4, 6, arena) == lib.KWS_OK
    samples = np.arange(20, dtype=np.int16)
    lib.kws_audio_framer_step(framer, _samples(samples), 4, complete)
    lib.kws_audio_framer_step(framer, _samples(samples), 1, complete)
    lib.kws_audio_framer_reset(framer)
    assert lib.kws_audio_framer_step(framer, _samples(samples), 20, complete) == 4
    assert complete[0]
    assert list(framer.window[0:4]) == [0, 1, 2, 3]


@pytest.mark.parametrize(("window", "hop"), [(0, 1), (1, 0)])
def test_framer_refuses_an_empty_window_or_hop(window: int, hop: int) -> None:
    arena, framer = ffi.new("kws_arena_t *"), ffi.new("kws_audio_framer_t *")
    lib.kws_arena_init(arena, ffi.NULL, 0)
    assert lib.kws_audio_framer_init(framer, window, hop, arena) == lib.KWS_ERROR_ARGUMENT


def test_framer_says_when_the_arena_is_too_small() -> None:
    base, _owner = aligned_new(64)
    arena, framer = ffi.new("kws_arena_t *"), ffi.new("kws_audio_framer_t *")
    lib.kws_arena_init(arena, base, 64)
    assert lib.kws_audio_framer_init(framer, 33, 10, arena) == lib.KWS_ERROR_ARENA


def test_samples_that_dma_wrote_in_place_are_read_once_committed() -> None:
    ring = Ring(8)
    ring.memory[0:4] = [1, 2, 3, 4]
    assert ring.read(100) == []
    lib.kws_audio_ring_commit(ring.ring, 4)
    assert ring.read(3) == [1, 2, 3]
    assert ring.read(100) == [4]


def test_a_gap_is_told_between_the_samples_around_it_and_once() -> None:
    ring = Ring(16)
    ring.write([1, 2, 3])
    lib.kws_audio_ring_lose(ring.ring, 5)
    assert lib.kws_audio_ring_take_lost(ring.ring) == 0  # three samples come before it
    assert ring.read(2) == [1, 2]
    lib.kws_audio_ring_lose(ring.ring, 2)  # the gap grows while it is not taken
    assert ring.read(100) == [3]
    ring.write([10, 11])
    assert ring.read(100) == []  # not across a gap that nobody took
    assert lib.kws_audio_ring_has_gap(ring.ring)
    assert lib.kws_audio_ring_take_lost(ring.ring) == 7
    assert not lib.kws_audio_ring_has_gap(ring.ring)
    assert lib.kws_audio_ring_take_lost(ring.ring) == 0
    assert ring.read(100) == [10, 11]


@given(
    window=st.integers(1, 40),
    hop=st.integers(1, 60),
    pieces=st.lists(
        st.tuples(st.integers(0, 90), st.integers(0, 130), st.integers(1, 4), st.integers(0, 9)), max_size=6
    ),
)
def test_windows_behind_a_gap_lie_on_the_grid_of_the_stream_and_touch_no_gap(
    window: int, hop: int, pieces: list[tuple[int, int, int, int]]
) -> None:
    """Sample values are positions, so a window says where it lies. pieces: fed, lost, step, pending."""
    arena_memory, _owner = aligned_new(4096)
    arena = ffi.new("kws_arena_t *")
    lib.kws_arena_init(arena, arena_memory, 4096)
    framer = ffi.new("kws_audio_framer_t *")
    assert lib.kws_audio_framer_init(framer, window, hop, arena) == lib.KWS_OK
    complete = ffi.new("bool *")
    position, frame = 0, 0
    blocked: set[int] = set()
    for fed, lost, step, pending in [*pieces, (200, 0, 1, 0)]:
        samples = np.arange(position, position + fed, dtype=np.int16)
        at = 0
        while at < fed:
            at += lib.kws_audio_framer_step(framer, _samples(samples[at:]), fed - at, complete)
            if complete[0]:
                expected = list(range(frame * hop, frame * hop + window))
                assert list(framer.window[0:window]) == expected
                assert not blocked & set(expected)
                frame += 1
        position += fed
        skipped = lib.kws_audio_framer_skip(framer, lost, pending, step)
        if lost:
            blocked |= set(range(position, position + lost))
            assert (skipped + pending) % step == 0
            # No whole window behind the gap is passed over but for the rounding.
            first_whole = -(-(position + lost) // hop)
            assert frame + skipped - max(first_whole, frame) < step
        else:
            assert skipped == 0
        frame += skipped
        position += lost
