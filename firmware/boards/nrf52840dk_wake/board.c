/* SPDX-License-Identifier: Apache-2.0 */
/* nRF52840 DK, with a PDM microphone wired to it that raises a pin when it hears something while it has no clock. */
#include "board_nrf52.h"

const nrf52_board_t nrf52_board = {
    .name = "nrf52840dk_wake",
    .uart_tx_pin = NRF52_PIN(0, 6), /* through the J-Link's USB */
    .uart_rx_pin = NRF52_PIN(0, 8),
    .lamp_pin = NRF52_PIN(0, 13), /* LED1 */
    .lamp_on_high = false,
    .event_pin = NRF52_PIN(0, 29), /* Arduino A3 */
    .wake_pin = NRF52_PIN(0, 28),  /* Arduino A2 */
    .has_dcdc = true,
    .microphone =
        {
            .clock_pin = NRF52_PIN(0, 30), /* Arduino A4 */
            .data_pin = NRF52_PIN(0, 31),  /* Arduino A5 */
            .power_pin = NRF52_NO_PIN,     /* it listens all the time */
            .left_on_rising = false,       /* SEL of the microphone to ground */
            .gain_half_db = 80,
        },
};
