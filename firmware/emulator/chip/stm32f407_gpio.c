/* SPDX-License-Identifier: Apache-2.0 */
/* Pins of the STM32F407. */
#include "stm32f407.h"

void gpio_write(uint32_t address, uint32_t value)
{
    const uint32_t base = address & ~(BLOCK - 1u);
    const unsigned port = (base - GPIOA) / BLOCK;
    static uint16_t outputs[9];
    if (address - base == 0x18) { /* BSRR */
        *reg(base + 0x14) = (*reg(base + 0x14) & ~(value >> 16)) | (value & 0xFFFFu);
        *reg(address) = 0;
    }
    const uint16_t now = (uint16_t)*reg(base + 0x14);
    for (unsigned pin = 0; pin < 16; ++pin) {
        if (((now ^ outputs[port]) >> pin & 1u) != 0u && (*reg(base) >> (2 * pin) & 3u) == 1u) {
            outside_pin(32 * port + pin, (now >> pin & 1u) != 0u);
        }
    }
    outputs[port] = now;
}

uint32_t gpio_input(uint32_t base)
{
    uint32_t value = 0;
    for (unsigned pin = 0; pin < 16; ++pin) {
        const bool output = (*reg(base) >> (2 * pin) & 3u) == 1u;
        const bool pulled_up = (*reg(base + 0x0C) >> (2 * pin) & 3u) == 1u;
        value |= (output ? *reg(base + 0x14) >> pin & 1u : pulled_up ? 1u : 0u) << pin;
    }
    return value;
}

void need_function(unsigned port, unsigned pin, uint32_t function, const char *what)
{
    const uint32_t base = GPIOA + port * BLOCK;
    const uint32_t mode = *reg(base) >> (2 * pin) & 3u;
    const uint32_t alternate = *reg(base + 0x20 + 4 * (pin / 8)) >> (4 * (pin % 8)) & 15u;
    if (mode != 2u || alternate != function) {
        outside_mistake("P%c%u is not %s: mode %u, alternate function %u", 'A' + (int)port, pin, what, mode,
                        alternate);
    }
}

void gpio_reset(void)
{
    *reg(GPIOA) = 0xA8000000u;
    *reg(GPIOA + BLOCK) = 0x280;
}

void soc_drive_pin(unsigned pin, bool high)
{
    (void)high;
    outside_mistake("P%c%u: inputs are not modelled", 'A' + (int)pin / 32, pin % 32);
}

void soc_pull_cable(double out_s)
{
    outside_mistake("no USB: no cable to pull for %g s", out_s);
}
