/* SPDX-License-Identifier: Apache-2.0 */
#include "statistics.h"

#include <string.h>

#include "board.h"

void statistics_reset(statistics_t *self)
{
    memset(self, 0, sizeof *self);
    self->awake_since = board_cycles();
}

void statistics_stage(statistics_t *self, kws_stage_t stage, bool begins)
{
    const uint32_t now = board_cycles();
    if (begins) {
        self->stage_began = now;
        return;
    }
    const uint32_t cycles = now - self->stage_began; /* right across one wrap of the counter */
    self->stage_cycles[stage] += cycles;
    ++self->stage_calls[stage];
    if (cycles > self->stage_peak_cycles[stage]) {
        self->stage_peak_cycles[stage] = cycles;
    }
}

void statistics_busy(statistics_t *self)
{
    const uint32_t now = board_cycles();
    self->busy_cycles += now - self->awake_since;
    self->awake_since = now;
}

void statistics_wake(statistics_t *self)
{
    ++self->sleeps;
    self->awake_since = board_cycles();
}

void statistics_write(const statistics_t *self, kws_message_statistics_t *message)
{
    memset(message, 0, sizeof *message);
    memcpy(message->stage_cycles, self->stage_cycles, sizeof self->stage_cycles);
    memcpy(message->stage_calls, self->stage_calls, sizeof self->stage_calls);
    memcpy(message->stage_peak_cycles, self->stage_peak_cycles, sizeof self->stage_peak_cycles);
    message->busy_cycles = self->busy_cycles + (board_cycles() - self->awake_since);
    message->sleeps = self->sleeps;
    message->stack_peak_bytes = board_stack_peak_bytes();
}
