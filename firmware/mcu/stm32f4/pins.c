/* SPDX-License-Identifier: Apache-2.0 */
#include "pins.h"

#include "clock.h"
#include "stm32f4.h"

enum {
    MODE_OUTPUT = 1,
    MODE_ALTERNATE = 2,
    MODE_MASK = 3,
    SPEED_HIGH = 2,
    PULL_UP = 1
};

static void set_mode(uint32_t port, uint32_t pin, uint32_t mode)
{
    GPIOA_MODER(port) = (GPIOA_MODER(port) & ~((uint32_t)MODE_MASK << (2u * pin))) | mode << (2u * pin);
}

void stm32f4_pin_output(uint8_t pin)
{
    const uint32_t port = pin / 16u;
    stm32f4_clock_enable(&RCC_AHB1ENR, 1u << port);
    set_mode(port, pin % 16u, MODE_OUTPUT);
}

void stm32f4_pin_set(uint8_t pin, bool high)
{
    GPIOA_BSRR(pin / 16u) = 1u << (pin % 16u + (high ? 0u : 16u));
}

void stm32f4_pin_alternate(uint8_t pin, uint32_t function, bool pulled_up)
{
    const uint32_t port = pin / 16u, number = pin % 16u;
    volatile uint32_t *functions = number < 8u ? &GPIOA_AFRL(port) : &GPIOA_AFRH(port);
    stm32f4_clock_enable(&RCC_AHB1ENR, 1u << port);
    *functions = (*functions & ~(15u << (4u * (number % 8u)))) | function << (4u * (number % 8u));
    GPIOA_OSPEEDR(port) |= (uint32_t)SPEED_HIGH << (2u * number);
    GPIOA_PUPDR(port) |= (pulled_up ? (uint32_t)PULL_UP : 0u) << (2u * number);
    set_mode(port, number, MODE_ALTERNATE);
}
