/* SPDX-License-Identifier: Apache-2.0 */
/* BBC micro:bit (nRF51822): UART0 on P0.24 (TX) and P0.25 (RX). QEMU emulates this board. */
#include "board.h"

#include "cortex_m.h"
#include "nrf51822.h"
#include "uart.h"

enum {
    CORE_HZ = 16000000,
    PIN_TX = 24,
    PIN_RX = 25
};

void board_init(uint32_t serial_baud, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    CLOCK_TASKS_HFCLKSTART = 1u; /* the crystal: what runs from reset is not exact enough for a UART */
    while (CLOCK_EVENTS_HFCLKSTARTED == 0u) {
    }
    nrf51_uart_init(PIN_TX, PIN_RX, serial_baud);
}

const char *board_name(void)
{
    return "microbit";
}

uint32_t board_clock_hz(void)
{
    return CORE_HZ;
}

uint32_t board_cycles(void)
{
    return 0u; /* a Cortex-M0 has no counter of cycles */
}

void board_start_clock(void)
{
    cortex_m_start_clock(CORE_HZ);
}

uint32_t board_microseconds(void)
{
    return cortex_m_microseconds();
}

uint32_t board_serial_read(uint8_t *bytes, uint32_t max_bytes)
{
    return nrf51_uart_read(bytes, max_bytes);
}

uint32_t board_serial_write_room(void)
{
    return nrf51_uart_write_room();
}

void board_serial_write(const uint8_t *bytes, uint32_t num_bytes)
{
    nrf51_uart_write(bytes, num_bytes);
}

uint32_t board_serial_receive_bytes(void)
{
    return NRF51_UART_RECEIVE_BYTES;
}

uint32_t board_serial_overruns(void)
{
    return nrf51_uart_overruns();
}

void board_serial_write_polled(const uint8_t *bytes, uint32_t num_bytes)
{
    nrf51_uart_write_polled(bytes, num_bytes);
}
