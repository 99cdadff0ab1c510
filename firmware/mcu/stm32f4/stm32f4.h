/* SPDX-License-Identifier: Apache-2.0 */
/* Registers of the STM32F405 and F407 that this firmware touches (RM0090); only what is used is named. Every address,
 * field and interrupt number here is compared by a test with ST's SVD of the F429, which agrees with these chips in all
 * of them: keep to the form PERIPHERAL_REGISTER and PERIPHERAL_REGISTER_FIELD. */
#ifndef KWS_STM32F4_H
#define KWS_STM32F4_H

#include <stdint.h>

#define STM32_REGISTER(address) (*(volatile uint32_t *)(address))

enum {
    DMA1_Stream3_IRQ = 14,
    USART1_IRQ = 37,
    USART2_IRQ = 38
};

#define RCC_CR               STM32_REGISTER(0x40023800u)
#define RCC_CR_HSIRDY        (1u << 1)
#define RCC_CR_HSEON         (1u << 16)
#define RCC_CR_HSERDY        (1u << 17)
#define RCC_CR_PLLON         (1u << 24)
#define RCC_CR_PLLRDY        (1u << 25)
#define RCC_CR_PLLI2SON      (1u << 26)
#define RCC_CR_PLLI2SRDY     (1u << 27)
#define RCC_PLLCFGR          STM32_REGISTER(0x40023804u)
#define RCC_PLLCFGR_PLLSRC   (1u << 22)
#define RCC_CFGR             STM32_REGISTER(0x40023808u)
#define RCC_CFGR_SW1         (1u << 1)
#define RCC_CFGR_SWS1        (1u << 3)
#define RCC_AHB1ENR          STM32_REGISTER(0x40023830u)
#define RCC_AHB1ENR_DMA1EN   (1u << 21)
#define RCC_APB1ENR          STM32_REGISTER(0x40023840u)
#define RCC_APB1ENR_SPI2EN   (1u << 14)
#define RCC_APB1ENR_USART2EN (1u << 17)
#define RCC_APB2ENR          STM32_REGISTER(0x40023844u)
#define RCC_APB2ENR_USART1EN (1u << 4)
#define RCC_CSR              STM32_REGISTER(0x40023874u)
#define RCC_CSR_RMVF         (1u << 24)
#define RCC_CSR_PADRSTF      (1u << 26)
#define RCC_CSR_PORRSTF      (1u << 27)
#define RCC_CSR_SFTRSTF      (1u << 28)
#define RCC_CSR_WDGRSTF      (1u << 29)
#define RCC_PLLI2SCFGR       STM32_REGISTER(0x40023884u)

#define FLASH_ACR        STM32_REGISTER(0x40023C00u)
#define FLASH_ACR_PRFTEN (1u << 8)
#define FLASH_ACR_ICEN   (1u << 9)
#define FLASH_ACR_DCEN   (1u << 10)
#define FLASH_ACR_ICRST  (1u << 11)
#define FLASH_ACR_DCRST  (1u << 12)
#define FLASH_KEYR       STM32_REGISTER(0x40023C04u)
#define FLASH_SR         STM32_REGISTER(0x40023C0Cu)
#define FLASH_SR_OPERR   (1u << 1)
#define FLASH_SR_WRPERR  (1u << 4)
#define FLASH_SR_PGAERR  (1u << 5)
#define FLASH_SR_PGPERR  (1u << 6)
#define FLASH_SR_PGSERR  (1u << 7)
#define FLASH_SR_BSY     (1u << 16)
#define FLASH_CR         STM32_REGISTER(0x40023C10u)
#define FLASH_CR_PG      (1u << 0)
#define FLASH_CR_SER     (1u << 1)
#define FLASH_CR_SNB     (1u << 3)
#define FLASH_CR_PSIZE   (2u << 8)
#define FLASH_CR_STRT    (1u << 16)
#define FLASH_CR_LOCK    (1u << 31)

/* Ports lie one behind the other. */
#define GPIOA_MODER(port)   STM32_REGISTER(0x40020000u + 0x400u * (port))
#define GPIOA_OSPEEDR(port) STM32_REGISTER(0x40020008u + 0x400u * (port))
#define GPIOA_PUPDR(port)   STM32_REGISTER(0x4002000Cu + 0x400u * (port))
#define GPIOA_BSRR(port)    STM32_REGISTER(0x40020018u + 0x400u * (port))
#define GPIOA_AFRL(port)    STM32_REGISTER(0x40020020u + 0x400u * (port))
#define GPIOA_AFRH(port)    STM32_REGISTER(0x40020024u + 0x400u * (port))

/* Both alike */
#define USART1_SR         STM32_REGISTER(0x40011000u)
#define USART1_SR_ORE     (1u << 3)
#define USART1_SR_RXNE    (1u << 5)
#define USART1_SR_TXE     (1u << 7)
#define USART1_DR         STM32_REGISTER(0x40011004u)
#define USART1_BRR        STM32_REGISTER(0x40011008u)
#define USART1_CR1        STM32_REGISTER(0x4001100Cu)
#define USART1_CR1_RE     (1u << 2)
#define USART1_CR1_TE     (1u << 3)
#define USART1_CR1_RXNEIE (1u << 5)
#define USART1_CR1_TXEIE  (1u << 7)
#define USART1_CR1_UE     (1u << 13)
#define USART2_SR         STM32_REGISTER(0x40004400u)

/* I2S2 is SPI2 in another mode. */
#define SPI2_CR2            STM32_REGISTER(0x40003804u)
#define SPI2_CR2_RXDMAEN    (1u << 0)
#define SPI2_SR             STM32_REGISTER(0x40003808u)
#define SPI2_SR_OVR         (1u << 6)
#define SPI2_DR             STM32_REGISTER(0x4000380Cu)
#define SPI2_I2SCFGR        STM32_REGISTER(0x4000381Cu)
#define SPI2_I2SCFGR_CKPOL  (1u << 3)
#define SPI2_I2SCFGR_I2SSTD (2u << 4)
#define SPI2_I2SCFGR_I2SCFG (3u << 8)
#define SPI2_I2SCFGR_I2SE   (1u << 10)
#define SPI2_I2SCFGR_I2SMOD (1u << 11)
#define SPI2_I2SPR          STM32_REGISTER(0x40003820u)
#define SPI2_I2SPR_ODD      (1u << 8)

#define DMA1_LISR          STM32_REGISTER(0x40026000u)
#define DMA1_LISR_TEIF3    (1u << 25)
#define DMA1_LISR_HTIF3    (1u << 26)
#define DMA1_LISR_TCIF3    (1u << 27)
#define DMA1_LIFCR         STM32_REGISTER(0x40026008u)
#define DMA1_LIFCR_CFEIF3  (1u << 22)
#define DMA1_LIFCR_CDMEIF3 (1u << 24)
#define DMA1_LIFCR_CTEIF3  (1u << 25)
#define DMA1_LIFCR_CHTIF3  (1u << 26)
#define DMA1_LIFCR_CTCIF3  (1u << 27)
#define DMA1_S3CR          STM32_REGISTER(0x40026058u)
#define DMA1_S3CR_EN       (1u << 0)
#define DMA1_S3CR_TEIE     (1u << 2)
#define DMA1_S3CR_HTIE     (1u << 3)
#define DMA1_S3CR_TCIE     (1u << 4)
#define DMA1_S3CR_CIRC     (1u << 8)
#define DMA1_S3CR_MINC     (1u << 10)
#define DMA1_S3CR_PSIZE    (1u << 11)
#define DMA1_S3CR_MSIZE    (1u << 13)
#define DMA1_S3CR_PL       (2u << 16)
#define DMA1_S3NDTR        STM32_REGISTER(0x4002605Cu)
#define DMA1_S3PAR         STM32_REGISTER(0x40026060u)
#define DMA1_S3M0AR        STM32_REGISTER(0x40026064u)

#define IWDG_KR  STM32_REGISTER(0x40003000u)
#define IWDG_PR  STM32_REGISTER(0x40003004u)
#define IWDG_RLR STM32_REGISTER(0x40003008u)
#define IWDG_SR  STM32_REGISTER(0x4000300Cu)

#endif
