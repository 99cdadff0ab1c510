/* SPDX-License-Identifier: Apache-2.0 */
/* What a board that lacks these things does: nothing. A board that has them defines them itself. */
#include "board.h"
#include "board_audio.h"

#define OPTIONAL __attribute__((weak))

OPTIONAL board_reset_t board_take_reset_reason(void)
{
    return BOARD_RESET_UNKNOWN;
}

OPTIONAL bool board_take_fault(board_fault_t *fault)
{
    (void)fault;
    return false;
}

OPTIONAL bool board_serial_is_open(void)
{
    return true;
}

OPTIONAL void board_serial_rest(void)
{
}

OPTIONAL void board_signal(bool on)
{
    (void)on;
}

OPTIONAL void board_watchdog_start(uint32_t timeout_ms)
{
    (void)timeout_ms;
}

OPTIONAL void board_watchdog_feed(void)
{
}

OPTIONAL bool board_audio_can_wait(void)
{
    return false;
}

OPTIONAL void board_audio_wait(void)
{
}

OPTIONAL void board_audio_end_wait(void)
{
}

OPTIONAL bool board_audio_heard_sound(void)
{
    return true;
}
