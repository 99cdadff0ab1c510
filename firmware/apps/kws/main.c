/* SPDX-License-Identifier: Apache-2.0 */
#include "app.h"
#include "board.h"
#include "listen.h"
#include "loop.h"

enum {
    WATCHDOG_MS = 8000
};

static app_t app;

void board_on_fault(const board_fault_t *fault)
{
    const kws_message_fault_t message = {
        .exception = fault->exception, .status = fault->status, .pc = fault->pc, .lr = fault->lr};
    kws_link_send_last(&app.link, KWS_MESSAGE_FAULT, &message, sizeof message);
}

int main(int argc, char **argv)
{
    board_watchdog_start(WATCHDOG_MS);
    board_init(KWS_SERIAL_BAUD, argc, argv);
    board_start_clock();
    app_init(&app);
    listen_alone(&app);
    for (;;) {
        if (listen_is_alive(&app)) {
            board_watchdog_feed();
        }
        const bool worked = loop_step(&app);
        statistics_busy(&app.statistics);
        if (!worked) {
            board_sleep();
            statistics_wake(&app.statistics);
        }
    }
}
