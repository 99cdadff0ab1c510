/* SPDX-License-Identifier: Apache-2.0 */
/* Arduino Nano 33 BLE Sense, first and second revision. */
#include "board_nrf52.h"

const nrf52_board_t nrf52_board = {
    .name = "nano33ble_sense",
    .usb_vendor = 0x2341, /* as Arduino's own firmware: hosts know the board by it */
    .usb_product = 0x805A,
    .bootloader_magic = 0xB0,
    .lamp_pin = NRF52_PIN(0, 13), /* yellow */
    .lamp_on_high = true,
    .event_pin = NRF52_PIN(1, 11), /* D2 */
    .wake_pin = NRF52_NO_PIN,
    .has_dcdc = false, /* we do not know for sure that the coil is there */
    .microphone =
        {
            .clock_pin = NRF52_PIN(0, 26),
            .data_pin = NRF52_PIN(0, 25),
            .power_pin = NRF52_PIN(0, 17),
            .left_on_rising = false,
            .gain_half_db = 80,
        },
};
