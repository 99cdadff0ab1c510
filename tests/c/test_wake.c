/* SPDX-License-Identifier: Apache-2.0 */
/* Pins that wake the nRF52840 (mcu/nrf52/wake.c), on registers of memory. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <sys/mman.h>

#include "check.h"
#include "cortex_m.h"
#include "nrf52840.h"
#include "wake.h"

enum {
    RECEIVER = 8,
    MICROPHONE = 28,
    SENSE = 3 << 16
};

static int start_bits, sounds, other_sounds;

uint32_t cortex_m_interrupts_off(void)
{
    return 0u;
}
void cortex_m_interrupts_restore(uint32_t state)
{
    (void)state;
}
void cortex_m_enable_interrupt(uint32_t number)
{
    CHECK_EQUAL(number, GPIOTE_IRQ);
}
void cortex_m_wake(void)
{
}

static void on_start_bit(void)
{
    ++start_bits;
}
static void on_sound(void)
{
    ++sounds;
}
static void on_other_sound(void)
{
    ++other_sounds;
}

void GPIOTE_IRQHandler(void);

static bool is_sensed(uint32_t pin)
{
    return (P0_PIN_CNF(0, pin) & (uint32_t)SENSE) != 0u;
}

/* The latch is memory here: it keeps what is written, where the chip clears. */
static void level_at(uint32_t pin)
{
    P0_LATCH(0) = 1u << pin;
    GPIOTE_IRQHandler();
    P0_LATCH(0) = 0u;
}

static void map(uint32_t address, uint32_t num_bytes)
{
    void *at = (void *)(uintptr_t)address;
    CHECK(mmap(at, num_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
               0) == at);
}

int main(void)
{
    map(0x40006000u, 0x1000u); /* GPIOTE */
    map(0x50000000u, 0x1000u); /* P0 */
    nrf52_wake_on(MICROPHONE, true, false, on_sound);
    nrf52_wake_on(RECEIVER, false, true, on_start_bit);
    nrf52_wake_on(MICROPHONE, true, false, on_other_sound); /* the same pin anew takes nobody's place */
    level_at(RECEIVER);
    CHECK_EQUAL(start_bits, 1);
    CHECK(!is_sensed(RECEIVER));
    CHECK(is_sensed(MICROPHONE));
    level_at(RECEIVER); /* told once */
    level_at(MICROPHONE);
    CHECK_EQUAL(start_bits, 1);
    CHECK_EQUAL(sounds, 0);
    CHECK_EQUAL(other_sounds, 1);

    nrf52_wake_on(RECEIVER, false, true, on_start_bit);
    nrf52_wake_on(MICROPHONE, true, false, on_sound);
    nrf52_wake_off(MICROPHONE);
    nrf52_wake_off(MICROPHONE);
    CHECK(!is_sensed(MICROPHONE));
    CHECK(is_sensed(RECEIVER));
    level_at(MICROPHONE);
    level_at(RECEIVER);
    CHECK_EQUAL(sounds, 0);
    CHECK_EQUAL(start_bits, 2);
    return 0;
}
