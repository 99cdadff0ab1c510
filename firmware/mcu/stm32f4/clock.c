/* SPDX-License-Identifier: Apache-2.0 */
#include "clock.h"

#include "cortex_m.h"
#include "stm32f4.h"

/* Fields of several bits; shifts as in RM0090. */
enum {
    PLLCFGR_N = 6,
    PLLCFGR_P = 16,
    PLLCFGR_Q = 24,
    CFGR_PPRE1 = 10,
    CFGR_PPRE2 = 13,
    PLLI2SCFGR_N = 6,
    PLLI2SCFGR_R = 28
};

enum {
    INTERNAL_MHZ = 16,
    FLASH_WAIT_STATES = 5, /* at 168 MHz and 3.3 V */
    FLASH_WAIT_MASK = 7,
    DIVIDE_BY_2 = 4,
    DIVIDE_BY_4 = 5
};

static void start_pll(uint32_t crystal_mhz)
{
    if (crystal_mhz > 0u) {
        RCC_CR |= RCC_CR_HSEON;
        while ((RCC_CR & RCC_CR_HSERDY) == 0u) {
        }
    }
    /* Down to 1 MHz, * 336, / 2 = 168 MHz; / 7 = 48 MHz for USB. */
    const uint32_t divide = crystal_mhz > 0u ? crystal_mhz : INTERNAL_MHZ;
    RCC_PLLCFGR = divide | 336u << PLLCFGR_N | 0u << PLLCFGR_P | 7u << PLLCFGR_Q |
                  (crystal_mhz > 0u ? RCC_PLLCFGR_PLLSRC : 0u);
    RCC_CR |= RCC_CR_PLLON;
    while ((RCC_CR & RCC_CR_PLLRDY) == 0u) {
    }
}

static void switch_to_pll(void)
{
    /* Flash first: its wait states must read back before the switch. */
    FLASH_ACR = FLASH_WAIT_STATES | FLASH_ACR_PRFTEN | FLASH_ACR_ICEN | FLASH_ACR_DCEN;
    while ((FLASH_ACR & FLASH_WAIT_MASK) != FLASH_WAIT_STATES) {
    }
    RCC_CFGR = DIVIDE_BY_4 << CFGR_PPRE1 | DIVIDE_BY_2 << CFGR_PPRE2 | RCC_CFGR_SW1;
    while ((RCC_CFGR & RCC_CFGR_SWS1) == 0u) {
    }
}

void stm32f4_clock_init(uint32_t crystal_mhz)
{
    /* The internal oscillator runs from reset on every real chip. An emulator without a clock tree reads 0
     * here: its core runs at full speed already, and waiting for a PLL would wait for ever. */
    if ((RCC_CR & RCC_CR_HSIRDY) != 0u) {
        start_pll(crystal_mhz);
        switch_to_pll();
    }
}

void stm32f4_clock_enable(volatile uint32_t *enable_register, uint32_t bit)
{
    *enable_register |= bit;
    (void)*enable_register;
    cortex_m_barrier();
}

void stm32f4_clock_start_i2s(void)
{
    RCC_PLLI2SCFGR = 256u << PLLI2SCFGR_N | 5u << PLLI2SCFGR_R;
    RCC_CR |= RCC_CR_PLLI2SON;
    while ((RCC_CR & RCC_CR_PLLI2SRDY) == 0u) {
    }
}
