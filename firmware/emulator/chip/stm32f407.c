/* SPDX-License-Identifier: Apache-2.0 */
/* The STM32F405 and F407, as far as this firmware uses them: clocks, pins, one serial port, DMA, the microphone on I2S2,
 * timers, watchdog, flash. Registers nobody gave a meaning keep what is written to them. */
#include <string.h>

#include "machine.h"

enum {
    CORE_HZ = 168000000,
    FLASH_START = 0x08000000,
    FLASH_BYTES = 1024 * 1024,
    BUS_START = 0x40000000,
    BUS_BYTES = 0x80000,
    BITS_START = 0x42000000 /* a word here is a bit there */
};

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

static uint32_t *reg(uint32_t address)
{
    return &words[(address - BUS_START) / 4];
}

enum {
    TIM2 = 0x40000000,
    IWDG = 0x40003000,
    SPI2 = 0x40003800,
    USART2 = 0x40004400,
    PWR = 0x40007000,
    USART1 = 0x40011000,
    GPIOA = 0x40020000,
    RCC = 0x40023800,
    FLASH = 0x40023C00,
    DMA1 = 0x40026000,
    DMA2 = 0x40026400,
    BLOCK = 0x400
};

/* ---- clocks ---- */

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

static bool bit_of(uint32_t address, unsigned bit)
{
    return (*reg(address) >> bit & 1u) != 0u;
}

static void rcc_write(uint32_t address)
{
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

/* Core cycles per cycle of a peripheral bus. */
static uint32_t divider(unsigned shift)
{
    const uint32_t code = *reg(RCC_CFGR) >> shift & 7u;
    return code < 4u ? 1u : 2u << (code - 4u);
}

/* A peripheral without its clock keeps nothing that is written to it. */
static bool has_clock(uint32_t address)
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

/* ---- pins ---- */

static void gpio_write(uint32_t address, uint32_t value)
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

static uint32_t gpio_input(uint32_t base)
{
    uint32_t value = 0;
    for (unsigned pin = 0; pin < 16; ++pin) {
        const bool output = (*reg(base) >> (2 * pin) & 3u) == 1u;
        const bool pulled_up = (*reg(base + 0x0C) >> (2 * pin) & 3u) == 1u;
        value |= (output ? *reg(base + 0x14) >> pin & 1u : pulled_up ? 1u : 0u) << pin;
    }
    return value;
}

static void need_function(unsigned port, unsigned pin, uint32_t function, const char *what)
{
    const uint32_t base = GPIOA + port * BLOCK;
    const uint32_t mode = *reg(base) >> (2 * pin) & 3u;
    const uint32_t alternate = *reg(base + 0x20 + 4 * (pin / 8)) >> (4 * (pin % 8)) & 15u;
    if (mode != 2u || alternate != function) {
        outside_mistake("P%c%u is not %s: mode %u, alternate function %u", 'A' + (int)port, pin, what, mode,
                        alternate);
    }
}

/* ---- DMA ---- */

enum {
    SxCR = 0x00,
    SxNDTR = 0x04,
    SxM0AR = 0x0C,
    SxM1AR = 0x10,
    FEIF = 1,
    TEIF = 8,
    HTIF = 16,
    TCIF = 32
};

static uint32_t dma_reload[2][8], dma_done[2][8];

static uint32_t stream_at(unsigned dma, unsigned stream)
{
    return DMA1 + dma * (DMA2 - DMA1) + 0x10u + 0x18u * stream;
}

static uint32_t *dma_flags(unsigned dma, unsigned stream)
{
    return reg(DMA1 + dma * (DMA2 - DMA1) + 4u * (stream / 4u));
}

static const uint8_t FLAG_SHIFTS[4] = {0, 6, 16, 22};

static void dma_interrupt(unsigned dma, unsigned stream)
{
    static const uint8_t NUMBERS[2][8] = {{11, 12, 13, 14, 15, 16, 17, 47}, {56, 57, 58, 59, 60, 68, 69, 70}};
    const uint32_t flags = *dma_flags(dma, stream) >> FLAG_SHIFTS[stream % 4u];
    const uint32_t control = *reg(stream_at(dma, stream) + SxCR);
    const bool high = ((flags & TCIF) != 0u && (control & 16u) != 0u) ||
                      ((flags & HTIF) != 0u && (control & 8u) != 0u) ||
                      ((flags & TEIF) != 0u && (control & 4u) != 0u);
    core_interrupt_line(NUMBERS[dma][stream], high);
}

static void dma_flag(unsigned dma, unsigned stream, uint32_t flag)
{
    *dma_flags(dma, stream) |= flag << FLAG_SHIFTS[stream % 4u];
    dma_interrupt(dma, stream);
}

/* One item between memory and a peripheral. False when no stream serves the request. */
static bool dma_request(unsigned dma, unsigned stream, uint32_t channel, bool to_memory, uint32_t *item)
{
    const uint32_t at = stream_at(dma, stream);
    const uint32_t control = *reg(at + SxCR);
    if ((control & 1u) == 0u || (control >> 25 & 7u) != channel || ((control >> 6 & 3u) == 0u) != to_memory) {
        return false;
    }
    const bool second = (control >> 18 & 1u) != 0u && (control >> 19 & 1u) != 0u;
    const uint32_t size = 1u << (control >> 13 & 3u);
    const uint32_t memory = *reg(at + (second ? SxM1AR : SxM0AR)) +
                            ((control >> 10 & 1u) != 0u ? dma_done[dma][stream] * size : 0u);
    if (memory < 0x20000000u || memory >= 0x20020000u) {
        if (to_memory || memory < FLASH_START || memory >= FLASH_START + FLASH_BYTES) {
            outside_mistake("DMA%u stream %u: %08x is not memory that DMA reaches", dma + 1, stream, memory);
            *reg(at + SxCR) &= ~1u;
            dma_flag(dma, stream, TEIF);
            return false;
        }
    }
    if (to_memory) {
        memory_write(memory, item, size);
    } else {
        *item = 0;
        memory_read(memory, item, size);
    }
    ++dma_done[dma][stream];
    --*reg(at + SxNDTR);
    if (dma_done[dma][stream] == dma_reload[dma][stream] / 2u) {
        dma_flag(dma, stream, HTIF);
    }
    if (*reg(at + SxNDTR) == 0u) {
        dma_done[dma][stream] = 0;
        if ((control & (1u << 8 | 1u << 18)) != 0u) {
            *reg(at + SxNDTR) = dma_reload[dma][stream];
            *reg(at + SxCR) ^= (control >> 18 & 1u) << 19;
        } else {
            *reg(at + SxCR) &= ~1u;
        }
        if ((*dma_flags(dma, stream) >> FLAG_SHIFTS[stream % 4u] & TCIF) != 0u && (control & 16u) != 0u) {
            ++microphone_statistics.buffers_reused; /* the last one's interrupt is still to be served */
        }
        dma_flag(dma, stream, TCIF);
    }
    return true;
}

static void dma_write(unsigned dma, uint32_t offset, uint32_t old, uint32_t value)
{
    if (offset == 0x08 || offset == 0x0C) { /* LIFCR, HIFCR */
        *reg(DMA1 + dma * (DMA2 - DMA1) + offset - 8u) &= ~value;
        for (unsigned i = 0; i < 4; ++i) {
            dma_interrupt(dma, i + (offset == 0x0C ? 4u : 0u));
        }
        return;
    }
    const unsigned stream = (offset - 0x10u) / 0x18u;
    if (offset < 0x10 || stream >= 8) {
        return;
    }
    const uint32_t at = stream_at(dma, stream);
    const uint32_t which = offset - 0x10u - 0x18u * stream;
    if (which == SxCR && (value & 1u) != 0u && (old & 1u) == 0u) {
        dma_reload[dma][stream] = *reg(at + SxNDTR);
        dma_done[dma][stream] = 0;
        if (*dma_flags(dma, stream) >> FLAG_SHIFTS[stream % 4u] & 0x3Du) {
            outside_mistake("DMA%u stream %u enabled with flags of its last transfer set", dma + 1, stream);
        }
    }
    if (which != SxCR && (*reg(at + SxCR) & 1u) != 0u) {
        const bool spare = (*reg(at + SxCR) >> 18 & 1u) != 0u &&
                           which == ((*reg(at + SxCR) >> 19 & 1u) != 0u ? SxM0AR : SxM1AR);
        if (!spare) {
            outside_mistake("DMA%u stream %u: register %02x written while enabled (pc %08x)", dma + 1, stream,
                            which, core_pc());
            *reg(at + which) = old;
        }
    }
    dma_interrupt(dma, stream);
}

/* ---- serial port: whichever of USART1 and USART2 is enabled is the line ---- */

enum {
    SR = 0x00,
    DR = 0x04,
    BRR = 0x08,
    CR1 = 0x0C,
    CR3 = 0x14,
    ORE = 8,
    IDLE = 16,
    RXNE = 32,
    TC = 64,
    TXE = 128
};

typedef struct {
    uint32_t base;
    unsigned interrupt, bus_shift, dma, rx_stream, tx_stream;
    uint8_t received, shifting, holding;
    bool busy, holds, status_was_read, quiet_told;
    alarm_t rx_alarm, tx_alarm;
} usart_t;

static usart_t usarts[2] = {
    {.base = USART1, .interrupt = 37, .bus_shift = 13, .dma = 1, .rx_stream = 2, .tx_stream = 7},
    {.base = USART2, .interrupt = 38, .bus_shift = 10, .dma = 0, .rx_stream = 5, .tx_stream = 6}};

static uint64_t byte_cycles(const usart_t *self)
{
    const uint32_t bit = *reg(self->base + BRR) & 0xFFFFu;
    return bit == 0u ? CORE_HZ / 1000 : 10u * (uint64_t)bit * divider(self->bus_shift);
}

static void usart_interrupt(usart_t *self)
{
    const uint32_t status = *reg(self->base + SR);
    const uint32_t control = *reg(self->base + CR1);
    const bool high = (status & control & (IDLE | RXNE | TC | TXE)) != 0u ||
                      ((status & ORE) != 0u && (control & RXNE) != 0u);
    core_interrupt_line(self->interrupt, high && (control & (1u << 13)) != 0u);
}

static void usart_feed(usart_t *self) /* DMA fills the data register */
{
    uint32_t item = 0;
    if ((*reg(self->base + CR3) & 0x80u) != 0u && !self->holds &&
        dma_request(self->dma, self->tx_stream, 4, false, &item)) {
        soc_write(self->base + DR, item);
    }
}

static void usart_shifted(void *context)
{
    usart_t *self = context;
    outside_serial_send(self->shifting);
    self->busy = self->holds;
    if (self->holds) {
        self->holds = false;
        self->shifting = self->holding;
        *reg(self->base + SR) |= TXE;
        alarm_set(&self->tx_alarm, machine_cycles + byte_cycles(self));
        usart_feed(self);
    } else {
        *reg(self->base + SR) |= TC;
    }
    usart_interrupt(self);
}

static void usart_receive(void *context)
{
    usart_t *self = context;
    const bool listens = (*reg(self->base + CR1) & 0x2004u) == 0x2004u;
    const int byte = listens ? outside_serial_receive() : -1;
    if (byte >= 0) {
        self->quiet_told = false;
        uint32_t item = (uint32_t)byte;
        if ((*reg(self->base + SR) & RXNE) != 0u) {
            *reg(self->base + SR) |= ORE;
        } else if ((*reg(self->base + CR3) & 0x40u) == 0u ||
                   !dma_request(self->dma, self->rx_stream, 4, true, &item)) {
            self->received = (uint8_t)byte;
            *reg(self->base + SR) |= RXNE;
        }
    } else if (!self->quiet_told) {
        self->quiet_told = true;
        *reg(self->base + SR) |= IDLE;
    }
    usart_interrupt(self);
    if (listens) {
        alarm_set(&self->rx_alarm, machine_cycles + (byte >= 0 ? byte_cycles(self) : CORE_HZ / 4000));
    }
}

static uint32_t usart_read(usart_t *self, uint32_t offset)
{
    if (offset == SR) {
        self->status_was_read = true;
    }
    if (offset == DR) {
        *reg(self->base + SR) &= ~(RXNE | (self->status_was_read ? ORE | IDLE : 0u));
        self->status_was_read = false;
        usart_interrupt(self);
        return self->received;
    }
    return *reg(self->base + offset);
}

static void usart_write(usart_t *self, uint32_t offset, uint32_t old, uint32_t value)
{
    if (offset == SR) {
        *reg(self->base + SR) = old & (value | ~(uint32_t)(RXNE | TC)); /* zeros clear these two */
    } else if (offset == DR && (*reg(self->base + CR1) & 0x2008u) == 0x2008u) {
        *reg(self->base + SR) &= ~(uint32_t)TC;
        if (self->busy && self->holds) {
            outside_mistake("USART data register written while full (pc %08x)", core_pc());
        } else if (self->busy) {
            self->holds = true;
            self->holding = (uint8_t)value;
            *reg(self->base + SR) &= ~(uint32_t)TXE;
        } else {
            self->busy = true;
            self->shifting = (uint8_t)value;
            alarm_set(&self->tx_alarm, machine_cycles + byte_cycles(self));
            usart_feed(self);
        }
    } else if (offset == CR1 && (value & 0x2004u) == 0x2004u && (old & 0x2004u) != 0x2004u) {
        self->quiet_told = true;
        alarm_set(&self->rx_alarm, machine_cycles + byte_cycles(self));
    } else if (offset == CR3) {
        usart_feed(self);
    }
    usart_interrupt(self);
}

/* ---- I2S2: a microphone's bits ---- */

enum {
    SPI_CR2 = SPI2 + 0x04,
    SPI_SR = SPI2 + 0x08,
    SPI_DR = SPI2 + 0x0C,
    I2SCFGR = SPI2 + 0x1C,
    I2SPR = SPI2 + 0x20,
    I2SE = 10,
    PIECE_WORDS = 32
};

static alarm_t i2s_alarm;

microphone_statistics_t microphone_statistics;

static double i2s_bit_hz(void)
{
    const uint32_t divided = *reg(RCC_PLLCFGR) & 0x3Fu;
    const double input = (bit_of(RCC_PLLCFGR, 22) ? HSE_HZ : 16e6) / (divided == 0u ? 1u : divided);
    const uint32_t multiplied = *reg(RCC_PLLI2SCFGR) >> 6 & 0x1FFu, last = *reg(RCC_PLLI2SCFGR) >> 28 & 7u;
    const uint32_t prescaler = 2u * (*reg(I2SPR) & 0xFFu) + (*reg(I2SPR) >> 8 & 1u);
    return input * multiplied / (last == 0u ? 1u : last) / (prescaler < 4u ? 4u : prescaler);
}

static void i2s_start(void)
{
    const double hz = i2s_bit_hz();
    if (!bit_of(RCC_CR, PLLI2SON + 1) && !bit_of(RCC_CFGR, 23)) {
        outside_mistake("I2S2 enabled while its PLL is not running");
    }
    if ((*reg(I2SCFGR) & 0xF07u) != 0xF00u) {
        outside_mistake("I2SCFGR %03x: not a master receiver of 16 bits", *reg(I2SCFGR));
    }
    if (hz < 1.0e6 || hz > 3.25e6) {
        outside_mistake("I2S2 clocks the microphone with %.0f Hz: it wants 1 to 3.25 MHz", hz);
    }
    need_function(1, 10, 5, "I2S2_CK");
    need_function(2, 3, 5, "I2S2_SD");
    outside_sound_start();
    alarm_set(&i2s_alarm, machine_cycles + (uint64_t)(16.0 * PIECE_WORDS * CORE_HZ / hz));
}

static void i2s_ring(void *context)
{
    (void)context;
    uint16_t heard[PIECE_WORDS];
    const double hz = i2s_bit_hz();
    outside_sound_bits(heard, PIECE_WORDS, hz);
    for (unsigned i = 0; i < PIECE_WORDS; ++i) {
        uint32_t item = heard[i];
        ++microphone_statistics.samples;
        if ((*reg(SPI_CR2) & 1u) != 0u && dma_request(0, 3, 0, true, &item)) {
            continue;
        }
        *reg(SPI_SR) |= (*reg(SPI_SR) & 1u) != 0u ? 0x40u : 1u; /* overrun, or not empty */
        *reg(SPI_DR) = item;
    }
    core_interrupt_line(36, (*reg(SPI_CR2) & 0x40u) != 0u && (*reg(SPI_SR) & 1u) != 0u);
    alarm_set(&i2s_alarm, machine_cycles + (uint64_t)(16.0 * PIECE_WORDS * CORE_HZ / hz));
}

/* ---- TIM2 and TIM3, watchdog, flash ---- */

static struct {
    uint64_t zero_cycles;
    alarm_t alarm;
} timers[2];

static uint64_t timer_tick_cycles(unsigned i)
{
    const uint32_t bus = divider(10);
    return (uint64_t)(bus == 1u ? 1u : bus / 2u) * (*reg(TIM2 + i * BLOCK + 0x28) + 1u);
}

static void timer_schedule(unsigned i)
{
    const uint32_t base = TIM2 + i * BLOCK;
    const uint64_t period = timer_tick_cycles(i) * ((uint64_t)*reg(base + 0x2C) + 1u);
    const bool rings = (*reg(base) & 1u) != 0u && (*reg(base + 0x0C) & 1u) != 0u;
    alarm_set(&timers[i].alarm, rings ? timers[i].zero_cycles +
                                            ((machine_cycles - timers[i].zero_cycles) / period + 1u) * period
                                      : NEVER);
}

static void timer_interrupt(unsigned i)
{
    const uint32_t base = TIM2 + i * BLOCK;
    core_interrupt_line(28 + i, (*reg(base + 0x10) & *reg(base + 0x0C) & 1u) != 0u);
}

static void timer_ring(void *context)
{
    const unsigned i = (unsigned)(uintptr_t)context;
    *reg(TIM2 + i * BLOCK + 0x10) |= 1u;
    timer_interrupt(i);
    timer_schedule(i);
}

static void timer_write(unsigned i, uint32_t offset, uint32_t old, uint32_t value)
{
    const uint32_t base = TIM2 + i * BLOCK;
    if ((offset == 0x00 && (value & 1u) != 0u && (old & 1u) == 0u) ||
        (offset == 0x14 && (value & 1u) != 0u)) {
        timers[i].zero_cycles = machine_cycles;
    } else if (offset == 0x24) {
        timers[i].zero_cycles = machine_cycles - value * timer_tick_cycles(i);
    } else if (offset == 0x10) {
        *reg(base + 0x10) = old & value;
    }
    timer_interrupt(i);
    timer_schedule(i);
}

static uint32_t timer_value(unsigned i)
{
    const uint32_t base = TIM2 + i * BLOCK;
    const uint64_t period = (uint64_t)*reg(base + 0x2C) + 1u;
    return (*reg(base) & 1u) == 0u
               ? *reg(base + 0x24)
               : (uint32_t)((machine_cycles - timers[i].zero_cycles) / timer_tick_cycles(i) % period);
}

static alarm_t watchdog_alarm;

static void watchdog_ring(void *context)
{
    (void)context;
    soc_request_reset(1u << 29);
}

static void watchdog_write(uint32_t offset, uint32_t value)
{
    static bool runs;
    runs = runs || (offset == 0 && value == 0xCCCCu);
    if (runs && offset == 0 && (value == 0xCCCCu || value == 0xAAAAu)) {
        const uint64_t ticks = ((uint64_t)(*reg(IWDG + 8) & 0xFFFu) + 1u) * (4u << (*reg(IWDG + 4) & 7u));
        alarm_set(&watchdog_alarm, machine_cycles + ticks * CORE_HZ / 32000u);
    }
}

enum {
    FLASH_KEYR = FLASH + 0x04,
    FLASH_CR = FLASH + 0x10,
    FLASH_LOCK = 31,
    WRITE_US = 16
};

static void flash_erase(unsigned sector)
{
    static const uint32_t KIB[12] = {16, 16, 16, 16, 64, 128, 128, 128, 128, 128, 128, 128};
    uint32_t start = FLASH_START;
    for (unsigned i = 0; i < sector && i < 12; ++i) {
        start += 1024u * KIB[i];
    }
    uint8_t ones[FLASH_BLOCK_BYTES];
    memset(ones, 0xFF, sizeof ones);
    for (uint32_t at = 0; sector < 12 && at < 1024u * KIB[sector]; at += sizeof ones) {
        memory_write(start + at, ones, sizeof ones);
    }
    core_stall((uint64_t)(sector < 12 ? 100 + 8 * KIB[sector] : 0) *
               (CORE_HZ / 1000)); /* about 1.1 s for 128 KiB */
}

static void flash_write(uint32_t address, uint32_t old, uint32_t value)
{
    static uint32_t last_key;
    if (address == FLASH_KEYR) {
        if (last_key == 0x45670123u && value == 0xCDEF89ABu) {
            *reg(FLASH_CR) &= ~(1u << FLASH_LOCK);
        }
        last_key = value;
    } else if (address == FLASH_CR) {
        if ((old >> FLASH_LOCK & 1u) != 0u) {
            outside_mistake("FLASH_CR written while locked");
            *reg(FLASH_CR) = old;
        } else if ((value & (1u << 16)) != 0u && (value & 2u) != 0u) {
            flash_erase(value >> 3 & 15u);
            *reg(FLASH_CR) &= ~(1u << 16);
        }
    } else if (address == FLASH + 0x0C) {
        *reg(address) = old & ~value;
    }
}

bool soc_flash_write_allowed(uint64_t *stall_cycles)
{
    *stall_cycles = (uint64_t)WRITE_US * (CORE_HZ / 1000000);
    if ((*reg(FLASH_CR) & (1u | 1u << FLASH_LOCK)) != 1u) {
        outside_mistake("store to flash at pc %08x while it is not being programmed", core_pc());
        return false;
    }
    return true;
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
        if (base == usarts[i].base) {
            return usart_read(&usarts[i], offset);
        }
        if (base == TIM2 + i * BLOCK && offset == 0x24) {
            return timer_value(i);
        }
    }
    if (base >= GPIOA && base < GPIOA + 9 * BLOCK && offset == 0x10) {
        return gpio_input(base);
    }
    if (address == SPI_DR) {
        *reg(SPI_SR) &= ~1u;
        core_interrupt_line(36, false);
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
    if (base == (RCC & ~(BLOCK - 1u))) {
        rcc_write(address);
    } else if (base == (FLASH & ~(BLOCK - 1u))) {
        flash_write(address, old, value);
    } else if (base >= GPIOA && base < GPIOA + 9 * BLOCK) {
        gpio_write(address, value);
    } else if (base == DMA1 || base == DMA2) {
        dma_write(base == DMA2, offset, old, value);
    } else if (base == USART1 || base == USART2) {
        usart_write(&usarts[base == USART2], offset, old, value);
    } else if (base == TIM2 || base == TIM2 + BLOCK) {
        timer_write(base != TIM2, offset, old, value);
    } else if (base == IWDG) {
        watchdog_write(offset, value);
    } else if (address == I2SCFGR && (value >> I2SE & 1u) != (old >> I2SE & 1u)) {
        if ((value >> I2SE & 1u) != 0u) {
            i2s_start();
        } else {
            alarm_set(&i2s_alarm, NEVER);
        }
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

static void alarm_with(alarm_t *alarm, void (*ring)(void *), void *context)
{
    alarm_register(alarm);
    alarm->ring = ring;
    alarm->context = context;
}

void soc_init(void)
{
    for (unsigned i = 0; i < 2; ++i) {
        alarm_with(&usarts[i].rx_alarm, usart_receive, &usarts[i]);
        alarm_with(&usarts[i].tx_alarm, usart_shifted, &usarts[i]);
        alarm_with(&timers[i].alarm, timer_ring, (void *)(uintptr_t)i);
    }
    alarm_with(&i2s_alarm, i2s_ring, NULL);
    alarm_with(&watchdog_alarm, watchdog_ring, NULL);
    const uint16_t flash_kib = FLASH_BYTES / 1024;
    memory_write(0x1FFF7A22u, &flash_kib, sizeof flash_kib);
}

void soc_reset(uint32_t reset_reason)
{
    memset(words, 0, sizeof words);
    reset_flags |= reset_reason != 0u ? reset_reason : 0x0E000000u; /* power-on */
    *reg(RCC_CR) = 0x83;
    *reg(RCC_PLLCFGR) = 0x24003010;
    *reg(RCC_PLLI2SCFGR) = 0x20003000;
    *reg(RCC_CSR) = reset_flags;
    *reg(FLASH_CR) = 1u << FLASH_LOCK;
    *reg(GPIOA) = 0xA8000000u;
    *reg(GPIOA + BLOCK) = 0x280;
    *reg(SPI_SR) = 2;
    for (unsigned i = 0; i < 2; ++i) {
        *reg(usarts[i].base + SR) = TXE | TC;
        usarts[i].busy = usarts[i].holds = false;
        alarm_set(&usarts[i].rx_alarm, NEVER);
        alarm_set(&usarts[i].tx_alarm, NEVER);
        alarm_set(&timers[i].alarm, NEVER);
        *reg(TIM2 + i * BLOCK + 0x2C) = i == 0 ? 0xFFFFFFFFu : 0xFFFFu;
    }
    alarm_set(&i2s_alarm, NEVER);
    alarm_set(&watchdog_alarm, NEVER);
}
