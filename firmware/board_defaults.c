/* SPDX-License-Identifier: Apache-2.0 */
/* What a board that lacks these things does: nothing. A board that has them defines them itself. */
#include "board.h"

#define OPTIONAL __attribute__((weak))

OPTIONAL board_reset_t board_take_reset_reason(void)
{
    return BOARD_RESET_UNKNOWN;
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
