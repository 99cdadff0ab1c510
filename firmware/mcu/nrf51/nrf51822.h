/* SPDX-License-Identifier: Apache-2.0 */
/* Registers of the nRF51822 that this firmware touches: nRF51 Series Reference Manual 3.0. Only what is used is named. */
#ifndef KWS_NRF51822_H
#define KWS_NRF51822_H

#include <stdint.h>

#define KWS_REGISTER(address) (*(volatile uint32_t *)(address))

/* CLOCK, chapter 13 */
#define CLOCK_TASKS_HFCLKSTART    KWS_REGISTER(0x40000000u)
#define CLOCK_EVENTS_HFCLKSTARTED KWS_REGISTER(0x40000100u)

/* GPIO, chapter 14 */
#define GPIO_OUTSET       KWS_REGISTER(0x50000508u)
#define GPIO_DIRSET       KWS_REGISTER(0x50000518u)
#define GPIO_PIN_CNF(pin) KWS_REGISTER(0x50000700u + 4u * (pin))
#define GPIO_PULL_UP      (3u << 2)

/* UART, chapter 29 */
#define UART_TASKS_STARTRX    KWS_REGISTER(0x40002000u)
#define UART_TASKS_STARTTX    KWS_REGISTER(0x40002008u)
#define UART_EVENTS_RXDRDY    KWS_REGISTER(0x40002108u)
#define UART_EVENTS_TXDRDY    KWS_REGISTER(0x4000211Cu)
#define UART_EVENTS_ERROR     KWS_REGISTER(0x40002124u)
#define UART_INTENSET         KWS_REGISTER(0x40002304u)
#define UART_INT_RXDRDY       (1u << 2)
#define UART_INT_TXDRDY       (1u << 7)
#define UART_INT_ERROR        (1u << 9)
#define UART_ERRORSRC         KWS_REGISTER(0x40002480u)
#define UART_ERRORSRC_OVERRUN (1u << 0)
#define UART_ENABLE           KWS_REGISTER(0x40002500u)
#define UART_ENABLE_ENABLED   4u
#define UART_PSELTXD          KWS_REGISTER(0x4000250Cu)
#define UART_PSELRXD          KWS_REGISTER(0x40002514u)
#define UART_RXD              KWS_REGISTER(0x40002518u)
#define UART_TXD              KWS_REGISTER(0x4000251Cu)
#define UART_BAUDRATE         KWS_REGISTER(0x40002524u)
#define UART_BAUDRATE_115200  0x01D7E000u
#define UART_BAUDRATE_921600  0x0EBEDFA4u
#define UART_IRQ_NUMBER       2u

#endif
