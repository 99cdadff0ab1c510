/* SPDX-License-Identifier: Apache-2.0 */
/* Netduino Plus 2 (STM32F405RG): USART1 on PB6 (TX) and PB7 (RX). QEMU emulates this board. */
#include "board.h"

#include "clock.h"
#include "cortex_m.h"
#include "layout.h"
#include "stm32f405.h"
#include "usart.h"

enum {
    PIN_TX = 6,
    PIN_RX = 7,
    MODE_ALTERNATE = 2,
    SPEED_HIGH = 2,
    PULL_UP = 1,
    ALTERNATE_USART1 = 7
};

static void pins_init(void)
{
    RCC_AHB1ENR |= RCC_AHB1ENR_GPIOBEN;
    cortex_m_barrier();
    GPIOB_MODER |= (MODE_ALTERNATE << (2 * PIN_TX)) | (MODE_ALTERNATE << (2 * PIN_RX));
    GPIOB_OSPEEDR |= SPEED_HIGH << (2 * PIN_TX);
    GPIOB_PUPDR |= PULL_UP << (2 * PIN_RX); /* an open line idles high instead of receiving noise */
    GPIOB_AFRL |= (ALTERNATE_USART1 << (4 * PIN_TX)) | (ALTERNATE_USART1 << (4 * PIN_RX));
}

void board_init(uint32_t serial_baud, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    stm32f4_clock_init();
    cortex_m_start_cycle_counter();
    pins_init();
    stm32f4_usart_init(STM32F4_APB2_HZ, serial_baud);
}

const char *board_name(void)
{
    return "netduinoplus2";
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

void board_sleep(void)
{
    cortex_m_sleep();
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

board_memory_t board_bundle(void)
{
    return (board_memory_t){.data = (void *)(uintptr_t)kws_bundle_start,
                            .size_bytes = (uint32_t)(kws_bundle_end - kws_bundle_start)};
}

board_memory_t board_arena(void)
{
    return (board_memory_t){.data = kws_arena_start,
                            .size_bytes = (uint32_t)(kws_arena_end - kws_arena_start)};
}

uint32_t board_static_bytes(void)
{
    return cortex_m_static_bytes();
}

uint32_t board_stack_peak_bytes(void)
{
    return cortex_m_stack_peak_bytes();
}
