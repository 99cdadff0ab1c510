/* SPDX-License-Identifier: Apache-2.0 */
/* What the peripherals of the STM32F407 share: one array of registers, and the few calls from one to another. Registers
 * nobody gave a meaning keep what is written to them. */
#ifndef KWS_EMULATOR_STM32F407_H
#define KWS_EMULATOR_STM32F407_H

#include "machine.h"

enum {
    CORE_HZ = 168000000,
    FLASH_START = 0x08000000,
    FLASH_BYTES = 1024 * 1024,
    BUS_START = 0x40000000,
    BUS_BYTES = 0x80000,
    BITS_START = 0x42000000 /* a word here is a bit there */
};

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

uint32_t *reg(uint32_t address);
bool bit_of(uint32_t address, unsigned bit);
void alarm_with(alarm_t *alarm, void (*ring)(void *), void *context);

/* stm32f407_clock.c */
enum {
    APB1_SHIFT = 10, /* where RCC_CFGR has the divider of a bus */
    APB2_SHIFT = 13
};

void rcc_reset(uint32_t reset_reason);
void rcc_write(uint32_t address);
uint32_t divider(unsigned shift); /* core cycles per cycle of a peripheral bus */
bool has_clock(uint32_t address); /* a peripheral without its clock keeps nothing that is written to it */
bool i2s_clock_runs(void);
double i2s_clock_hz(void);

/* stm32f407_gpio.c */
void gpio_reset(void);
void gpio_write(uint32_t address, uint32_t value);
uint32_t gpio_input(uint32_t base);
/* Says so when a pin is not what a peripheral needs. */
void need_function(unsigned port, unsigned pin, uint32_t function, const char *what);

/* stm32f407_dma.c: one item between memory and a peripheral. False when no stream serves the request. */
bool dma_request(unsigned dma, unsigned stream, uint32_t channel, bool to_memory, uint32_t *item);
void dma_write(unsigned dma, uint32_t offset, uint32_t old, uint32_t value);

/* stm32f407_usart.c: number 0 is USART1, 1 is USART2 */
void usart_init(void);
void usart_reset(void);
uint32_t usart_read(unsigned number, uint32_t offset);
void usart_write(unsigned number, uint32_t offset, uint32_t old, uint32_t value);

/* stm32f407_i2s.c */
void i2s_init(void);
void i2s_reset(void);
void i2s_read(uint32_t offset);
void i2s_write(uint32_t offset, uint32_t old, uint32_t value);

/* stm32f407_timers.c: number 0 is TIM2, 1 is TIM3 */
void timers_init(void);
void timers_reset(void);
uint32_t timer_value(unsigned number);
void timer_write(unsigned number, uint32_t offset, uint32_t old, uint32_t value);
void watchdog_write(uint32_t offset, uint32_t value);

/* stm32f407_flash.c */
void flash_reset(void);
void flash_write(uint32_t address, uint32_t old, uint32_t value);

#endif
