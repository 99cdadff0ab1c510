/* SPDX-License-Identifier: Apache-2.0 */
/* Hand-worked cases for the stages that are not arithmetic: arena, status, audio, decision, smoothing, detection. */
#include <string.h>

#include "check.h"
#include "kws_pipeline.h"

static _Alignas(16) uint8_t memory[4096];

static void arena_takes_aligned_blocks_and_remembers_overflow(void)
{
    kws_arena_t arena;
    kws_arena_init(&arena, memory, 64u);
    CHECK(kws_arena_take(&arena, 1u) == memory);
    CHECK(kws_arena_take(&arena, 33u) == memory + 16);
    CHECK_EQUAL(arena.used_bytes, 64);
    CHECK(kws_arena_fits(&arena));
    CHECK(kws_arena_take(&arena, 1u) == NULL);
    CHECK(!kws_arena_fits(&arena));
    CHECK(kws_arena_take(&arena, UINT32_MAX) == NULL);
    CHECK(kws_arena_take(&arena, 16u) == NULL);
    CHECK(!kws_arena_fits(&arena));
}

static void counting_arena_gives_no_memory(void)
{
    kws_arena_t arena;
    kws_arena_init(&arena, NULL, 0u);
    CHECK(kws_arena_take(&arena, 100u) == NULL);
    CHECK_EQUAL(arena.used_bytes, 112);
    CHECK(kws_arena_fits(&arena));
}

static void every_status_has_a_sentence(void)
{
    for (int status = KWS_ERROR_MISSING; status <= KWS_OK; ++status) {
        CHECK(strcmp(kws_status_text((kws_status_t)status), "unknown status") != 0);
    }
    CHECK(strcmp(kws_status_text((kws_status_t)-99), "unknown status") == 0);
}

static void ring_refuses_what_does_not_fit_and_counts_it(void)
{
    int16_t storage[8];
    const int16_t samples[6] = {1, 2, 3, 4, 5, 6};
    kws_audio_ring_t ring;
    CHECK(kws_audio_ring_init(&ring, storage, 6u) == KWS_ERROR_ARGUMENT);
    CHECK(kws_audio_ring_init(&ring, storage, 8u) == KWS_OK);
    CHECK_EQUAL(kws_audio_ring_write(&ring, samples, 6u), 6);
    CHECK_EQUAL(kws_audio_ring_write(&ring, samples, 6u), 2);
    CHECK_EQUAL(ring.dropped, 4);
    CHECK_EQUAL(kws_audio_ring_available(&ring), 8);
    uint32_t in_a_row;
    const int16_t *oldest = kws_audio_ring_peek(&ring, &in_a_row);
    CHECK_EQUAL(in_a_row, 8);
    CHECK_EQUAL(oldest[0], 1);
    CHECK_EQUAL(oldest[6], 1);
    kws_audio_ring_consume(&ring, 7u);
    CHECK_EQUAL(kws_audio_ring_write(&ring, samples, 3u), 3); /* wraps */
    oldest = kws_audio_ring_peek(&ring, &in_a_row);
    CHECK_EQUAL(in_a_row, 1);
    CHECK_EQUAL(oldest[0], 2);
    kws_audio_ring_consume(&ring, 1u);
    oldest = kws_audio_ring_peek(&ring, &in_a_row);
    CHECK_EQUAL(in_a_row, 3);
    CHECK_EQUAL(oldest[2], 3);
}

static void framer_windows_overlap_by_window_minus_hop(void)
{
    kws_arena_t arena;
    kws_arena_init(&arena, memory, sizeof memory);
    kws_audio_framer_t framer;
    CHECK(kws_audio_framer_init(&framer, 6u, 4u, &arena) == KWS_OK);
    kws_audio_framer_reset(&framer);
    int16_t samples[14];
    for (int16_t i = 0; i < 14; ++i) {
        samples[i] = i;
    }
    uint32_t position = 0u;
    int16_t expected_first = 0;
    uint32_t frames = 0u;
    while (position < 14u) {
        bool complete = false;
        position += kws_audio_framer_step(&framer, samples + position, 14u - position, &complete);
        if (complete) {
            CHECK_EQUAL(framer.window[0], expected_first);
            CHECK_EQUAL(framer.window[5], expected_first + 5);
            expected_first = (int16_t)(expected_first + 4);
            ++frames;
        }
    }
    CHECK_EQUAL(frames, 3); /* windows at 0..5, 4..9, 8..13 */
}

/* Three labels; the first never fires, the others at 100 and 200; two-decision average, refractory of 3 frames. */
static const uint8_t decision_section[24] = {3, 0,   2,   0, 3,    0,    2, 0, 0xFF, 0xFF, 0xFF, 0xFF,
                                             0, 100, 200, 0, 0x10, 0x27, 0, 0, 0,    120,  220,  0};

static kws_decision_config_t read_decision(int32_t operating_point)
{
    kws_decision_config_t config;
    const kws_span_t section = {decision_section, sizeof decision_section};
    CHECK(kws_decision_read(&config, section, operating_point) == KWS_OK);
    return config;
}

static void decision_reads_the_chosen_operating_point(void)
{
    CHECK_EQUAL(read_decision(-1).thresholds[1], 100);
    CHECK_EQUAL(read_decision(-1).milli_fa_per_hour, UINT32_MAX);
    CHECK_EQUAL(read_decision(1).thresholds[2], 220);
    CHECK_EQUAL(read_decision(1).milli_fa_per_hour, 10000);
}

static void decision_refuses_what_is_out_of_range(void)
{
    kws_decision_config_t config;
    uint8_t bytes[24];
    const kws_span_t section = {bytes, sizeof bytes};
    const struct {
        uint8_t offset, value;
    } wrong[] = {{0, 0}, {1, 1}, {2, 0}, {2, 65}, {3, 1}, {3, 0x82}, {6, 0}, {6, 9}, {6, 3}, {7, 2}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; ++i) {
        memcpy(bytes, decision_section, sizeof bytes);
        bytes[wrong[i].offset] = wrong[i].value;
        CHECK(kws_decision_read(&config, section, -1) == KWS_ERROR_BOUNDS);
    }
    memcpy(bytes, decision_section, sizeof bytes);
    CHECK(kws_decision_read(&config, section, 2) == KWS_ERROR_ARGUMENT);
    CHECK(kws_decision_read(&config, (kws_span_t){NULL, 0u}, -1) == KWS_ERROR_MISSING);
    CHECK(kws_decision_read(&config, (kws_span_t){bytes, 7u}, -1) == KWS_ERROR_BOUNDS);
    CHECK(kws_decision_read(&config, (kws_span_t){bytes, 23u}, -1) == KWS_ERROR_BOUNDS);
}

static void smoothing_averages_over_its_ring_and_rounds_half_up(void)
{
    const kws_decision_config_t config = read_decision(-1);
    kws_arena_t arena;
    kws_arena_init(&arena, memory, sizeof memory);
    kws_smoothing_t smoothing;
    CHECK(kws_smoothing_init(&smoothing, &config, &arena) == KWS_OK);
    uint8_t out[3];
    kws_smoothing_step(&smoothing, (const uint8_t[]){255, 0, 7}, out);
    CHECK_EQUAL(out[0], 255);
    CHECK_EQUAL(out[2], 7);
    kws_smoothing_step(&smoothing, (const uint8_t[]){0, 255, 8}, out);
    CHECK_EQUAL(out[0], 128); /* 127.5 */
    CHECK_EQUAL(out[2], 8);   /* 7.5 */
    kws_smoothing_step(&smoothing, (const uint8_t[]){0, 255, 0}, out);
    CHECK_EQUAL(out[0], 0); /* the 255 left the ring */
    CHECK_EQUAL(out[1], 255);
    kws_smoothing_reset(&smoothing);
    kws_smoothing_step(&smoothing, (const uint8_t[]){1, 2, 3}, out);
    CHECK_EQUAL(out[1], 2);
    kws_arena_init(&arena, memory, 16u);
    CHECK(kws_smoothing_init(&smoothing, &config, &arena) == KWS_ERROR_ARENA);
}

static void a_word_counts_less_until_there_was_a_pause(void)
{
    uint8_t bytes[32] = {0};
    memcpy(bytes, decision_section, 24u);
    bytes[2] = 1u; /* no smoothing */
    bytes[3] = KWS_DECISION_PAUSE;
    const uint8_t pause[5] = {0u, 100u, 1u, 0u, 255u}; /* label 0 reached 100 now or one decision ago */
    memcpy(bytes + 24, pause, sizeof pause);
    kws_decision_config_t config;
    CHECK(kws_decision_read(&config, (kws_span_t){bytes, sizeof bytes}, -1) == KWS_OK);
    CHECK_EQUAL(config.pause_score, 100);
    CHECK_EQUAL(config.pause_decisions, 1);
    CHECK_EQUAL(config.pause_penalty, 255);
    CHECK_EQUAL(config.thresholds[0], 0);
    CHECK(config.thresholds[1] != 0u);
    kws_arena_t arena;
    kws_arena_init(&arena, memory, sizeof memory);
    kws_smoothing_t smoothing;
    CHECK(kws_smoothing_init(&smoothing, &config, &arena) == KWS_OK);
    const uint8_t said[8][2] = {{99, 1}, {0, 0}, {99, 0}, {100, 1}, {0, 1}, {0, 0}, {255, 1}, {0, 1}};
    uint8_t out
        [3]; /* each row: posterior of label 0; whether label 1 is let through. A stream begins with a pause. */
    for (size_t i = 0; i < sizeof said / sizeof said[0]; ++i) {
        kws_smoothing_step(&smoothing, (const uint8_t[]){said[i][0], 90, 0}, out);
        CHECK_EQUAL(out[0], said[i][0]); /* never fires, never held */
        CHECK_EQUAL(out[1], said[i][1] ? 90 : 0);
    }
    kws_smoothing_step(&smoothing, (const uint8_t[]){0, 90, 0}, out);
    CHECK_EQUAL(out[1], 0);
    kws_smoothing_reset(&smoothing);
    kws_smoothing_step(&smoothing, (const uint8_t[]){0, 90, 0}, out);
    CHECK_EQUAL(out[1], 90);
    const uint8_t follows[7][2] = {{95, 0}, {96, 0}, {96, 1}, {96, 1}, {96, 1}, {95, 1}, {96, 0}};
    kws_smoothing_reset(&smoothing);
    kws_smoothing_step(&smoothing, (const uint8_t[]){0, 95, 0}, out);
    for (size_t i = 0; i < sizeof follows / sizeof follows[0];
         ++i) { /* a word behind a word, or one behind nothing */
        if (i == 2) {
            kws_smoothing_reset(&smoothing);
        }
        kws_smoothing_step(&smoothing, (const uint8_t[]){0, follows[i][0], 0}, out);
        CHECK_EQUAL(out[1], follows[i][1] ? follows[i][0] : 0);
    }
    CHECK(kws_decision_read(&config, (kws_span_t){bytes, 31u}, -1) == KWS_ERROR_BOUNDS);
    bytes[28] = 80u;
    CHECK(kws_decision_read(&config, (kws_span_t){bytes, sizeof bytes}, -1) == KWS_OK);
    const uint8_t less[6][2] = {{90, 90}, {250, 170}, {250, 170}, {80, 0}, {81, 1}, {250, 170}};
    kws_smoothing_reset(&smoothing);
    for (size_t i = 0; i < sizeof less / sizeof less[0];
         ++i) { /* 170 is over 95, but no word after a pause */
        kws_smoothing_step(&smoothing, (const uint8_t[]){0, less[i][0], 0}, out);
        CHECK_EQUAL(out[1], less[i][1]);
    }
    kws_smoothing_step(&smoothing, (const uint8_t[]){0, 81, 0}, out);
    CHECK_EQUAL(out[1], 1);
    bytes[28] = 0u; /* a penalty of nothing */
    CHECK(kws_decision_read(&config, (kws_span_t){bytes, sizeof bytes}, -1) == KWS_ERROR_BOUNDS);
    bytes[28] = 255u;
    bytes[24] = 3u; /* no such label */
    CHECK(kws_decision_read(&config, (kws_span_t){bytes, sizeof bytes}, -1) == KWS_ERROR_BOUNDS);
    bytes[24] = 0u;
    bytes[25] = 0u; /* always a pause */
    CHECK(kws_decision_read(&config, (kws_span_t){bytes, sizeof bytes}, -1) == KWS_ERROR_BOUNDS);
}

static void whole_windows_count_once_they_are_full_and_round_as_they_are_told(void)
{
    for (uint8_t rounding = 0u; rounding < 2u; ++rounding) {
        uint8_t bytes[24];
        memcpy(bytes, decision_section, sizeof bytes);
        bytes[3] = (uint8_t)(0x80u + rounding);
        kws_decision_config_t config;
        CHECK(kws_decision_read(&config, (kws_span_t){bytes, sizeof bytes}, -1) == KWS_OK);
        kws_arena_t arena;
        kws_arena_init(&arena, memory, sizeof memory);
        kws_smoothing_t smoothing;
        CHECK(kws_smoothing_init(&smoothing, &config, &arena) == KWS_OK);
        uint8_t out[3];
        kws_smoothing_step(&smoothing, (const uint8_t[]){255, 0, 7}, out);
        CHECK_EQUAL(out[0], 0);
        kws_smoothing_step(&smoothing, (const uint8_t[]){0, 255, 7}, out);
        CHECK_EQUAL(out[0], 127 + rounding); /* 127.5 */
        CHECK_EQUAL(out[2], 7);
    }
}

static void detection_fires_at_the_threshold_and_then_rests(void)
{
    const kws_decision_config_t config = read_decision(-1);
    kws_detection_t detection;
    kws_event_t event;
    const uint8_t hit[3] = {10, 100, 50};
    kws_detection_init(&detection, &config);
    CHECK(!kws_detection_step(&detection, 1u, (const uint8_t[]){10, 99, 50}, 480u, &event));
    CHECK(kws_detection_step(&detection, 1u, hit, 800u, &event));
    CHECK_EQUAL(event.label, 1);
    CHECK_EQUAL(event.score, 100);
    CHECK_EQUAL(event.sample_index, 800);
    for (int frame = 0; frame < 3; ++frame) {
        CHECK(!kws_detection_step(&detection, 1u, hit, 0u, &event));
    }
    CHECK(kws_detection_step(&detection, 1u, hit, 2080u, &event));
    CHECK(!kws_detection_step(&detection, 3u, hit, 0u, &event)); /* 3 frames later: still resting */
    CHECK(kws_detection_step(&detection, 1u, hit, 0u, &event));
    kws_detection_reset(&detection);
    CHECK(kws_detection_step(&detection, 1u, hit, 0u, &event));
}

static void another_label_rests_half_as_long(void)
{
    kws_decision_config_t config = read_decision(-1);
    config.refractory_frames = 5u;
    kws_detection_t detection;
    kws_event_t event;
    const uint8_t one[3] = {10, 100, 50};
    const uint8_t two[3] = {10, 100, 210};
    kws_detection_init(&detection, &config);
    CHECK(kws_detection_step(&detection, 1u, one, 0u, &event));
    CHECK(!kws_detection_step(&detection, 2u, two, 0u, &event)); /* 2 frames later */
    CHECK(!kws_detection_step(&detection, 1u, one, 0u, &event)); /* 3: the same label */
    CHECK(kws_detection_step(&detection, 1u, two, 0u, &event));
    CHECK_EQUAL(event.label, 2);
    CHECK(!kws_detection_step(&detection, 5u, two, 0u, &event)); /* it rests from its own event on */
    CHECK(kws_detection_step(&detection, 1u, two, 0u, &event));
}

static void detection_takes_the_highest_posterior_only(void)
{
    const kws_decision_config_t config = read_decision(-1);
    kws_detection_t detection;
    kws_event_t event;
    kws_detection_init(&detection, &config);
    CHECK(!kws_detection_step(&detection, 1u, (const uint8_t[]){150, 120, 0}, 0u, &event)); /* silence wins */
    CHECK(!kws_detection_step(&detection, 1u, (const uint8_t[]){0, 120, 130}, 0u,
                              &event)); /* 2 wins, below 200 */
    CHECK(kws_detection_step(&detection, 1u, (const uint8_t[]){0, 210, 210}, 0u,
                             &event)); /* tie: lower index */
    CHECK_EQUAL(event.label, 1);
}

int main(void)
{
    arena_takes_aligned_blocks_and_remembers_overflow();
    counting_arena_gives_no_memory();
    every_status_has_a_sentence();
    ring_refuses_what_does_not_fit_and_counts_it();
    framer_windows_overlap_by_window_minus_hop();
    decision_reads_the_chosen_operating_point();
    decision_refuses_what_is_out_of_range();
    smoothing_averages_over_its_ring_and_rounds_half_up();
    a_word_counts_less_until_there_was_a_pause();
    whole_windows_count_once_they_are_full_and_round_as_they_are_told();
    detection_fires_at_the_threshold_and_then_rests();
    another_label_rests_half_as_long();
    detection_takes_the_highest_posterior_only();
    return 0;
}
