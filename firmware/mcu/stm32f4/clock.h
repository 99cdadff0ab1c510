/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks of the STM32F405: 168 MHz from the internal oscillator, so no board's crystal matters. */
#ifndef KWS_STM32F4_CLOCK_H
#define KWS_STM32F4_CLOCK_H

enum {
    STM32F4_CORE_HZ = 168000000,
    STM32F4_APB2_HZ = 84000000
};

void stm32f4_clock_init(void);

#endif
