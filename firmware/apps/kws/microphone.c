/* SPDX-License-Identifier: Apache-2.0 */
#include "microphone.h"

#include <string.h>

#include "board_audio.h"

enum {
    MS_PER_S = 1000
};

bool microphone_start(microphone_t *self, uint32_t sample_rate_hz, uint32_t settling_ms)
{
    microphone_stop(self);
    *self = (microphone_t){.settling = sample_rate_hz * settling_ms / MS_PER_S};
    self->runs = board_audio_start(sample_rate_hz);
    return self->runs;
}

void microphone_stop(microphone_t *self)
{
    if (self->runs) {
        board_audio_stop();
        self->runs = false;
    }
}

/* The oldest sound, without what has to settle first; which may be all of it. */
static uint32_t take_some(microphone_t *self, const int16_t *sound, int16_t *samples, uint32_t num_samples)
{
    kws_dc_blocker_step(&self->dc_blocker, sound, samples, num_samples);
    board_audio_consume(num_samples);
    self->heard_something = true;
    const uint32_t settled = num_samples < self->settling ? num_samples : self->settling;
    self->settling -= settled;
    memmove(samples, samples + settled, (num_samples - settled) * sizeof *samples);
    return num_samples - settled;
}

uint32_t microphone_take(microphone_t *self, int16_t *samples, uint32_t max_samples, uint32_t *lost)
{
    uint32_t taken = 0u;
    *lost = 0u;
    while (taken == 0u) {
        const uint32_t missing = board_audio_take_lost();
        if (self->settling ==
            0u) { /* lost sound keeps its place in the stream, or every index after it would lie */
            self->lost += missing;
            self->position += missing;
        }
        uint32_t available;
        const int16_t *sound = board_audio_peek(&available);
        if (available == 0u) {
            break;
        }
        taken = take_some(self, sound, samples, available < max_samples ? available : max_samples);
    }
    if (taken > 0u) { /* there may be nothing behind the gap yet */
        *lost = self->lost;
        self->lost = 0u;
    }
    self->position += taken;
    return taken;
}
