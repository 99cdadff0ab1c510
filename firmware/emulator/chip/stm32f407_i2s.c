/* SPDX-License-Identifier: Apache-2.0 */
/* I2S2 of the STM32F407: clocks a microphone and takes its bits. */
#include "stm32f407.h"

enum {
    SPI_CR2 = SPI2 + 0x04,
    SPI_SR = SPI2 + 0x08,
    SPI_DR = SPI2 + 0x0C,
    I2SCFGR = SPI2 + 0x1C,
    I2SPR = SPI2 + 0x20,
    I2SE = 10,
    PIECE_WORDS = 32
};

microphone_statistics_t microphone_statistics;

static alarm_t i2s_alarm;

static double i2s_bit_hz(void)
{
    const uint32_t prescaler = 2u * (*reg(I2SPR) & 0xFFu) + (*reg(I2SPR) >> 8 & 1u);
    return i2s_clock_hz() / (prescaler < 4u ? 4u : prescaler);
}

static void i2s_start(void)
{
    const double hz = i2s_bit_hz();
    if (!i2s_clock_runs()) {
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

void i2s_read(uint32_t offset)
{
    static bool data_was_read;
    if (SPI2 + offset == SPI_DR) {
        *reg(SPI_SR) &= ~1u;
        core_interrupt_line(36, false);
        data_was_read = true;
    } else if (SPI2 + offset == SPI_SR) {
        *reg(SPI_SR) &= data_was_read ? ~0x40u : ~0u; /* overrun */
        data_was_read = false;
    }
}

void i2s_write(uint32_t offset, uint32_t old, uint32_t value)
{
    const bool is_on = (value >> I2SE & 1u) != 0u;
    if (SPI2 + offset != I2SCFGR || is_on == ((old >> I2SE & 1u) != 0u)) {
        return;
    }
    duty_set(&duties.microphone, is_on);
    if (is_on) {
        i2s_start();
    } else {
        alarm_set(&i2s_alarm, NEVER);
    }
}

void i2s_init(void)
{
    alarm_with(&i2s_alarm, i2s_ring, NULL);
}

void i2s_reset(void)
{
    *reg(SPI_SR) = 2;
    duty_set(&duties.microphone, false);
    alarm_set(&i2s_alarm, NEVER);
}
