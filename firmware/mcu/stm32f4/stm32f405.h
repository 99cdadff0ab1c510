/* SPDX-License-Identifier: Apache-2.0 */
/* Registers of the STM32F405 that this firmware touches: RM0090. Only what is used is named. */
#ifndef KWS_STM32F405_H
#define KWS_STM32F405_H

#include <stdint.h>

#define KWS_REGISTER(address) (*(volatile uint32_t *)(address))

/* RCC, RM0090 section 7.3 */
#define RCC_CR               KWS_REGISTER(0x40023800u)
#define RCC_CR_HSIRDY        (1u << 1)
#define RCC_CR_PLLON         (1u << 24)
#define RCC_CR_PLLRDY        (1u << 25)
#define RCC_PLLCFGR          KWS_REGISTER(0x40023804u)
#define RCC_PLLCFGR_M(m)     ((uint32_t)(m) << 0)
#define RCC_PLLCFGR_N(n)     ((uint32_t)(n) << 6)
#define RCC_PLLCFGR_P(p)     (((uint32_t)(p) / 2u - 1u) << 16)
#define RCC_PLLCFGR_Q(q)     ((uint32_t)(q) << 24)
#define RCC_CFGR             KWS_REGISTER(0x40023808u)
#define RCC_CFGR_SW_PLL      (2u << 0)
#define RCC_CFGR_SWS_MASK    (3u << 2)
#define RCC_CFGR_SWS_PLL     (2u << 2)
#define RCC_CFGR_PPRE1_DIV4  (5u << 10)
#define RCC_CFGR_PPRE2_DIV2  (4u << 13)
#define RCC_AHB1ENR          KWS_REGISTER(0x40023830u)
#define RCC_AHB1ENR_GPIOBEN  (1u << 1)
#define RCC_APB2ENR          KWS_REGISTER(0x40023844u)
#define RCC_APB2ENR_USART1EN (1u << 4)

/* Power: voltage scale 1, which 168 MHz needs, is the reset value of PWR_CR. */
#define FLASH_ACR              KWS_REGISTER(0x40023C00u)
#define FLASH_ACR_LATENCY(ws)  ((uint32_t)(ws) << 0)
#define FLASH_ACR_LATENCY_MASK (7u << 0)
#define FLASH_ACR_PRFTEN       (1u << 8)
#define FLASH_ACR_ICEN         (1u << 9)
#define FLASH_ACR_DCEN         (1u << 10)

/* GPIO port B, section 8.4 */
#define GPIOB_MODER   KWS_REGISTER(0x40020400u)
#define GPIOB_OSPEEDR KWS_REGISTER(0x40020408u)
#define GPIOB_PUPDR   KWS_REGISTER(0x4002040Cu)
#define GPIOB_AFRL    KWS_REGISTER(0x40020420u)

/* USART1, section 30.6 */
#define USART1_SR         KWS_REGISTER(0x40011000u)
#define USART_SR_ORE      (1u << 3)
#define USART_SR_RXNE     (1u << 5)
#define USART_SR_TXE      (1u << 7)
#define USART1_DR         KWS_REGISTER(0x40011004u)
#define USART1_BRR        KWS_REGISTER(0x40011008u)
#define USART1_CR1        KWS_REGISTER(0x4001100Cu)
#define USART_CR1_RE      (1u << 2)
#define USART_CR1_TE      (1u << 3)
#define USART_CR1_RXNEIE  (1u << 5)
#define USART_CR1_TXEIE   (1u << 7)
#define USART_CR1_UE      (1u << 13)
#define USART1_IRQ_NUMBER 37u

#endif
