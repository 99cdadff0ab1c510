/* SPDX-License-Identifier: Apache-2.0 */
/* The STM32F405 and F407, as far as this firmware uses them: the bus, and what begins and ends a run. */
#include <string.h>

#include "stm32f407.h"

const chip_t CHIP = {
    .name = "stm32f407",
    .core_hz = CORE_HZ,
    .flash_start = FLASH_START,
    .flash_bytes = FLASH_BYTES,
    .num_interrupts = 82,
    .priority_mask = 0xF0,
    .core_clock_sleeps = false,
    .regions = {{0x20000000u, 128 * 1024, MEMORY_RAM},
                {0x10000000u, 64 * 1024, MEMORY_RAM}, /* core-coupled: DMA does not reach it */
                {0x1FFF0000u, 0x10000, MEMORY_READ_ONLY},
                {BUS_START, BUS_BYTES, MEMORY_PERIPHERALS},
                {BITS_START, 32 * BUS_BYTES, MEMORY_PERIPHERALS}}};

static uint32_t words[BUS_BYTES / 4];

uint32_t *reg(uint32_t address)
{
    return &words[(address - BUS_START) / 4];
}
bool bit_of(uint32_t address, unsigned bit)
{
    return (*reg(address) >> bit & 1u) != 0u;
}

void alarm_with(alarm_t *alarm, void (*ring)(void *), void *context)
{
    alarm_register(alarm);
    alarm->ring = ring;
    alarm->context = context;
}

/* ---- the bus ---- */

uint32_t soc_read(uint32_t address)
{
    if (address >= BITS_START) {
        const uint32_t offset = address - BITS_START;
        return soc_read(BUS_START + (offset / 128u) * 4u) >> (offset / 4u % 32u) & 1u;
    }
    const uint32_t base = address & ~(BLOCK - 1u), offset = address - base;
    if (!has_clock(address)) {
        outside_mistake("load from %08x, whose clock is off (pc %08x)", address, core_pc());
        return 0;
    }
    for (unsigned i = 0; i < 2; ++i) {
        if (base == (i == 0 ? USART1 : USART2)) {
            return usart_read(i, offset);
        }
        if (base == TIM2 + i * BLOCK && offset == 0x24) {
            return timer_value(i);
        }
    }
    if (base >= GPIOA && base < GPIOA + 9 * BLOCK && offset == 0x10) {
        return gpio_input(base);
    }
    if (base == SPI2) {
        i2s_read(offset);
    }
    return *reg(address);
}

void soc_write(uint32_t address, uint32_t value)
{
    if (address >= BITS_START) {
        const uint32_t offset = address - BITS_START, word = BUS_START + (offset / 128u) * 4u;
        const uint32_t bit = 1u << (offset / 4u % 32u);
        soc_write(word, (soc_read(word) & ~bit) | ((value & 1u) != 0u ? bit : 0u));
        return;
    }
    const uint32_t base = address & ~(BLOCK - 1u), offset = address - base;
    if (!has_clock(address)) {
        outside_mistake("store to %08x, whose clock is off (pc %08x)", address, core_pc());
        return;
    }
    const uint32_t old = *reg(address);
    *reg(address) = value;
    if (base == RCC) {
        rcc_write(address);
    } else if (base == FLASH) {
        flash_write(address, old, value);
    } else if (base >= GPIOA && base < GPIOA + 9 * BLOCK) {
        gpio_write(address, value);
    } else if (base == DMA1 || base == DMA2) {
        dma_write(base == DMA2, offset, old, value);
    } else if (base == USART1 || base == USART2) {
        usart_write(base == USART2, offset, old, value);
    } else if (base == TIM2 || base == TIM2 + BLOCK) {
        timer_write(base != TIM2, offset, old, value);
    } else if (base == IWDG) {
        watchdog_write(offset, value);
    } else if (base == SPI2) {
        i2s_write(offset, old, value);
    } else if (base == PWR && offset == 0) {
        *reg(PWR + 4) |= 1u << 14; /* VOSRDY */
    }
}

void soc_write_narrow(uint32_t address, unsigned size, uint32_t value)
{
    const unsigned shift = 8u * (address & 3u);
    const uint32_t mask = ((1u << (8u * size)) - 1u) << shift;
    address &= ~3u;
    soc_write(address, address < BITS_START ? (*reg(address) & ~mask) | (value << shift & mask) : value);
}

/* ---- starting ---- */

static uint32_t reset_wanted;
static bool reset_is_wanted;

void soc_request_reset(uint32_t reset_reason)
{
    reset_wanted = reset_reason == 1u << 2
                       ? 1u << 28
                       : reset_reason; /* the core asks for a soft reset in its own words */
    reset_is_wanted = true;
    core_request_stop();
}

bool soc_take_reset(uint32_t *reset_reason)
{
    *reset_reason = reset_wanted;
    const bool wanted = reset_is_wanted;
    reset_is_wanted = false;
    return wanted;
}

void soc_init(void)
{
    usart_init();
    i2s_init();
    timers_init();
    const uint16_t flash_kib = FLASH_BYTES / 1024;
    memory_write(0x1FFF7A22u, &flash_kib, sizeof flash_kib);
}

void soc_reset(uint32_t reset_reason)
{
    memset(words, 0, sizeof words);
    rcc_reset(reset_reason);
    flash_reset();
    gpio_reset();
    usart_reset();
    i2s_reset();
    timers_reset();
}
