/* SPDX-License-Identifier: Apache-2.0 */
/* The microphone on I2S2 of the STM32F407 (mcu/stm32f4/microphone.c) when something goes wrong: bits that DMA did not
 * fetch, a DMA that has given up, an interrupt that comes too late. Its registers are memory at their addresses. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <sys/mman.h>

#include "check.h"
#include "clock.h"
#include "cortex_m.h"
#include "microphone.h"
#include "pins.h"
#include "stm32f4.h"

enum {
    HALF_SAMPLES = 32
};

void DMA1_Stream3_IRQHandler(void);

void cortex_m_enable_interrupt(uint32_t number)
{
    CHECK_EQUAL(number, DMA1_Stream3_IRQ);
}
void cortex_m_set_priority(uint32_t number, uint8_t priority)
{
    (void)number;
    (void)priority;
}
void cortex_m_wake(void)
{
}
void stm32f4_clock_enable(volatile uint32_t *enable_register, uint32_t bit)
{
    *enable_register |= bit;
}
void stm32f4_clock_start_i2s(void)
{
}
void stm32f4_pin_alternate(uint8_t pin, uint32_t function, bool pulled_up)
{
    (void)pin;
    (void)function;
    (void)pulled_up;
}

static void interrupt(uint32_t flags)
{
    DMA1_LISR = flags;
    DMA1_Stream3_IRQHandler();
    CHECK_EQUAL(DMA1_LIFCR & flags, flags); /* ones clear */
    SPI2_SR = 0u;                           /* the driver has read both registers */
}

/* So many samples can be read up to a loss of so many. */
static void expect(uint32_t num_samples, uint32_t num_lost)
{
    uint32_t count;
    (void)stm32f4_microphone_peek(&count);
    CHECK_EQUAL(count, num_samples);
    stm32f4_microphone_consume(count);
    CHECK_EQUAL(stm32f4_microphone_take_lost(), num_lost);
}

static void map(uint32_t address, uint32_t num_bytes)
{
    void *at = (void *)(uintptr_t)address;
    CHECK(mmap(at, num_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
               0) == at);
}

int main(void)
{
    map(0x40003000u, 0x1000u); /* SPI2 */
    map(0x40023000u, 0x1000u); /* RCC */
    map(0x40026000u, 0x1000u); /* DMA1 */
    stm32f4_microphone_start();
    interrupt(DMA1_LISR_HTIF3);
    interrupt(DMA1_LISR_TCIF3);
    expect(2 * HALF_SAMPLES, 0u);

    interrupt(DMA1_LISR_HTIF3);
    SPI2_SR = SPI2_SR_OVR;
    interrupt(DMA1_LISR_TCIF3);
    expect(HALF_SAMPLES, HALF_SAMPLES);
    interrupt(DMA1_LISR_HTIF3);
    expect(HALF_SAMPLES, 0u);

    interrupt(DMA1_LISR_TCIF3);
    interrupt(DMA1_LISR_HTIF3 | DMA1_LISR_TCIF3);
    expect(HALF_SAMPLES, 2 * HALF_SAMPLES);

    CHECK((DMA1_S3CR & DMA1_S3CR_TEIE) != 0u);
    DMA1_S3CR &= ~DMA1_S3CR_EN; /* the chip does that */
    DMA1_S3NDTR = 7u;
    interrupt(DMA1_LISR_TEIF3);
    CHECK((DMA1_S3CR & DMA1_S3CR_EN) != 0u);
    CHECK_EQUAL(DMA1_S3NDTR, 512u);
    expect(0u, 2 * HALF_SAMPLES);
    interrupt(DMA1_LISR_HTIF3);
    expect(HALF_SAMPLES, 0u);
    return 0;
}
