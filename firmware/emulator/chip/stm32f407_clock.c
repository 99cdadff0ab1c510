/* SPDX-License-Identifier: Apache-2.0 */
/* Reset and clock control of the STM32F407: oscillators, PLLs, bus dividers, clock gates, reset reasons. */
#include "stm32f407.h"

enum {
    RCC_CR = RCC,
    RCC_PLLCFGR = RCC + 0x04,
    RCC_CFGR = RCC + 0x08,
    RCC_AHB1ENR = RCC + 0x30,
    RCC_APB1ENR = RCC + 0x40,
    RCC_APB2ENR = RCC + 0x44,
    RCC_CSR = RCC + 0x74,
    RCC_PLLI2SCFGR = RCC + 0x84,
    PLLI2SON = 26,
    HSE_HZ = 8000000
};

static uint32_t reset_flags;

void rcc_write(uint32_t address)
{
    duty_set(&duties.crystal, bit_of(RCC_CR, 16));
    switch (address) {
    case RCC_CR: {
        static const uint8_t ON[] = {0, 16, 24, PLLI2SON}; /* ready is the bit above */
        for (unsigned i = 0; i < sizeof ON; ++i) {
            *reg(RCC_CR) = (*reg(RCC_CR) & ~(2u << ON[i])) | (*reg(RCC_CR) >> ON[i] & 1u) << (ON[i] + 1u);
        }
        break;
    }
    case RCC_CFGR: *reg(RCC_CFGR) = (*reg(RCC_CFGR) & ~0xCu) | (*reg(RCC_CFGR) & 3u) << 2; break;
    case RCC_CSR:
        if (bit_of(RCC_CSR, 24)) {
            reset_flags = 0;
        }
        *reg(RCC_CSR) = (*reg(RCC_CSR) & 1u) * 3u | reset_flags;
        break;
    default: break;
    }
}

uint32_t divider(unsigned shift)
{
    const uint32_t code = *reg(RCC_CFGR) >> shift & 7u;
    return code < 4u ? 1u : 2u << (code - 4u);
}

bool has_clock(uint32_t address)
{
    static const struct {
        uint32_t start, end, enable, bit;
    } GATES[] = {{TIM2, TIM2 + BLOCK, RCC_APB1ENR, 0},  {TIM2 + BLOCK, TIM2 + 2 * BLOCK, RCC_APB1ENR, 1},
                 {SPI2, SPI2 + BLOCK, RCC_APB1ENR, 14}, {USART2, USART2 + BLOCK, RCC_APB1ENR, 17},
                 {PWR, PWR + BLOCK, RCC_APB1ENR, 28},   {USART1, USART1 + BLOCK, RCC_APB2ENR, 4},
                 {DMA1, DMA1 + BLOCK, RCC_AHB1ENR, 21}, {DMA2, DMA2 + BLOCK, RCC_AHB1ENR, 22}};
    if (address >= GPIOA && address < GPIOA + 9 * BLOCK) {
        return bit_of(RCC_AHB1ENR, (address - GPIOA) / BLOCK);
    }
    for (unsigned i = 0; i < sizeof GATES / sizeof *GATES; ++i) {
        if (address >= GATES[i].start && address < GATES[i].end) {
            return bit_of(GATES[i].enable, GATES[i].bit);
        }
    }
    return true;
}

bool i2s_clock_runs(void)
{
    return bit_of(RCC_CR, PLLI2SON + 1) || bit_of(RCC_CFGR, 23);
}

double i2s_clock_hz(void)
{
    const uint32_t divided = *reg(RCC_PLLCFGR) & 0x3Fu;
    const double input = (bit_of(RCC_PLLCFGR, 22) ? HSE_HZ : 16e6) / (divided == 0u ? 1u : divided);
    const uint32_t multiplied = *reg(RCC_PLLI2SCFGR) >> 6 & 0x1FFu, last = *reg(RCC_PLLI2SCFGR) >> 28 & 7u;
    return input * multiplied / (last == 0u ? 1u : last);
}

void rcc_reset(uint32_t reset_reason)
{
    reset_flags |= reset_reason != 0u ? reset_reason : 0x0E000000u; /* power-on */
    *reg(RCC_CR) = 0x83;
    duty_set(&duties.crystal, false);
    *reg(RCC_PLLCFGR) = 0x24003010;
    *reg(RCC_PLLI2SCFGR) = 0x20003000;
    *reg(RCC_CSR) = reset_flags;
}
