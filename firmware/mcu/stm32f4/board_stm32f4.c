/* SPDX-License-Identifier: Apache-2.0 */
/* board.h for every STM32F405 and F407 board; its pins are in stm32f4_board. */
#include "board_stm32f4.h"

#include "board.h"
#include "clock.h"
#include "cortex_m.h"
#include "stm32f4.h"

enum {
    USART_FUNCTION = 7
};

void board_init(uint32_t serial_baud, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    stm32f4_clock_init(stm32f4_board.crystal_mhz);
    cortex_m_start_cycle_counter();
    stm32f4_pin_alternate(stm32f4_board.usart_tx_pin, USART_FUNCTION, false);
    stm32f4_pin_alternate(stm32f4_board.usart_rx_pin, USART_FUNCTION, true); /* an open line idles high */
    if (stm32f4_board.lamp_pin != STM32F4_NO_PIN) {
        stm32f4_pin_output(stm32f4_board.lamp_pin);
    }
    stm32f4_usart_init(stm32f4_board.usart, serial_baud);
}

const char *board_name(void)
{
    return stm32f4_board.name;
}

uint32_t board_clock_hz(void)
{
    return STM32F4_CORE_HZ;
}

uint32_t board_cycles(void)
{
    return cortex_m_cycles();
}

void board_start_clock(void)
{
    cortex_m_start_clock(STM32F4_CORE_HZ);
}

uint32_t board_microseconds(void)
{
    return cortex_m_microseconds();
}

uint32_t board_serial_read(uint8_t *bytes, uint32_t max_bytes)
{
    return stm32f4_usart_read(bytes, max_bytes);
}

uint32_t board_serial_write_room(void)
{
    return stm32f4_usart_write_room();
}

void board_serial_write(const uint8_t *bytes, uint32_t num_bytes)
{
    stm32f4_usart_write(bytes, num_bytes);
}

uint32_t board_serial_receive_bytes(void)
{
    return STM32F4_USART_RECEIVE_BYTES;
}

uint32_t board_serial_overruns(void)
{
    return stm32f4_usart_overruns();
}

void board_serial_write_polled(const uint8_t *bytes, uint32_t num_bytes)
{
    stm32f4_usart_write_polled(bytes, num_bytes);
}
