/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks of the STM32F405 and F407: 168 MHz. */
#ifndef KWS_STM32F4_CLOCK_H
#define KWS_STM32F4_CLOCK_H

#include <stdint.h>

enum {
    STM32F4_CORE_HZ = 168000000,
    STM32F4_APB1_HZ = 42000000,
    STM32F4_APB2_HZ = 84000000
};

/* crystal_mhz: of the board; 0: the internal oscillator, good to a percent, so that no board's crystal matters. */
void stm32f4_clock_init(uint32_t crystal_mhz);

/* A peripheral takes two cycles to hear of its clock: this waits. */
void stm32f4_clock_enable(volatile uint32_t *enable_register, uint32_t bit);

/* 51.2 MHz for I2S, from a crystal. */
void stm32f4_clock_start_i2s(void);

#endif
