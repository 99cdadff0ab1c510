/* SPDX-License-Identifier: Apache-2.0 */
/* Seeed XIAO nRF52840 Sense. */
#include "board_nrf52.h"

const nrf52_board_t nrf52_board = {
    .name = "xiao_nrf52840_sense",
    .usb_vendor = 0x2886, /* as Seeed's own firmware: hosts know the board by it */
    .usb_product = 0x8045,
    .bootloader_magic = 0x57,     /* its drive appears */
    .lamp_pin = NRF52_PIN(0, 26), /* red */
    .lamp_on_high = false,
    .event_pin = NRF52_PIN(0, 2), /* D0 */
    .wake_pin = NRF52_NO_PIN,
    .has_dcdc = true,
    .microphone =
        {
            .clock_pin = NRF52_PIN(1, 0),
            .data_pin = NRF52_PIN(0, 16),
            .power_pin = NRF52_PIN(1, 10), /* without it all samples are one constant */
            .left_on_rising = true,
            .gain_half_db = 80,
        },
};
