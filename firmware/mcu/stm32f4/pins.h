/* SPDX-License-Identifier: Apache-2.0 */
/* Pins of the STM32F4: port and number in one. */
#ifndef KWS_STM32F4_PINS_H
#define KWS_STM32F4_PINS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    STM32F4_PORT_A = 0,
    STM32F4_PORT_B = 1,
    STM32F4_PORT_C = 2,
    STM32F4_PORT_D = 3,
    STM32F4_NO_PIN = 0xFF
};

#define STM32F4_PIN(port, pin) (16u * (STM32F4_PORT_##port) + (pin))

void stm32f4_pin_output(uint8_t pin);
void stm32f4_pin_set(uint8_t pin, bool high);
/* Given to a peripheral: its alternate function, 0 .. 15. */
void stm32f4_pin_alternate(uint8_t pin, uint32_t function, bool pulled_up);

#endif
