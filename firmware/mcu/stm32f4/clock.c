/* SPDX-License-Identifier: Apache-2.0 */
#include "clock.h"

#include "stm32f405.h"

static void start_pll(void)
{
    /* 16 MHz / 16 * 336 / 2 = 168 MHz; 48 MHz for USB with / 7. */
    RCC_PLLCFGR = RCC_PLLCFGR_M(16) | RCC_PLLCFGR_N(336) | RCC_PLLCFGR_P(2) | RCC_PLLCFGR_Q(7);
    RCC_CR |= RCC_CR_PLLON;
    while ((RCC_CR & RCC_CR_PLLRDY) == 0u) {
    }
}

static void switch_to_pll(void)
{
    /* Flash first: five wait states at 168 MHz and 3.3 V, and they must read back before the switch. */
    FLASH_ACR = FLASH_ACR_LATENCY(5) | FLASH_ACR_PRFTEN | FLASH_ACR_ICEN | FLASH_ACR_DCEN;
    while ((FLASH_ACR & FLASH_ACR_LATENCY_MASK) != FLASH_ACR_LATENCY(5)) {
    }
    RCC_CFGR = RCC_CFGR_PPRE1_DIV4 | RCC_CFGR_PPRE2_DIV2 | RCC_CFGR_SW_PLL;
    while ((RCC_CFGR & RCC_CFGR_SWS_MASK) != RCC_CFGR_SWS_PLL) {
    }
}

void stm32f4_clock_init(void)
{
    /* The internal oscillator runs from reset on every real chip. An emulator without a clock tree reads 0
     * here: its core runs at full speed already, and waiting for a PLL would wait for ever. */
    if ((RCC_CR & RCC_CR_HSIRDY) != 0u) {
        start_pll();
        switch_to_pll();
    }
}
