/* SPDX-License-Identifier: Apache-2.0 */
/* board_flash.h on the flash interface (RM0090, 3.6). The bundle lies in sectors of 128 KiB from sector 5 on. The
 * processor stands still while flash works. */
#include "board_flash.h"

#include "cortex_m.h"
#include "layout.h"
#include "stm32f4.h"

enum {
    FIRST_SECTOR = 5,
    SECTOR_BYTES = 128 * 1024,
    FIRST_KEY = 0x45670123 /* RM0090, 3.6.1 */
};
#define SECOND_KEY 0xCDEF89ABu

_Static_assert(SECTOR_BYTES == KWS_BOARD_FLASH_PAGE_BYTES, "board.cmake says what is erased at a time");

#define ERRORS (FLASH_SR_OPERR | FLASH_SR_WRPERR | FLASH_SR_PGAERR | FLASH_SR_PGPERR | FLASH_SR_PGSERR)

static void unlock(void)
{
    FLASH_KEYR = FIRST_KEY;
    FLASH_KEYR = SECOND_KEY;
    FLASH_SR = ERRORS; /* ones clear them */
}

static bool finish(void)
{
    while ((FLASH_SR & FLASH_SR_BSY) != 0u) {
    }
    const bool good = (FLASH_SR & ERRORS) == 0u;
    FLASH_CR = FLASH_CR_LOCK;
    return good;
}

/* After an erasure the caches would go on giving what was there before; what is written goes through them. */
static void forget_cached(void)
{
    const uint32_t caches = FLASH_ACR_ICEN | FLASH_ACR_DCEN;
    const uint32_t access = FLASH_ACR;
    FLASH_ACR = access & ~caches;
    FLASH_ACR = (access & ~caches) | FLASH_ACR_ICRST | FLASH_ACR_DCRST;
    FLASH_ACR = access & ~caches;
    FLASH_ACR = access;
}

bool board_flash_erase(uint32_t offset)
{
    const uint32_t sector = FIRST_SECTOR + offset / SECTOR_BYTES;
    unlock();
    FLASH_CR = FLASH_CR_PSIZE | FLASH_CR_SER | sector * FLASH_CR_SNB;
    FLASH_CR = FLASH_CR_PSIZE | FLASH_CR_SER | sector * FLASH_CR_SNB | FLASH_CR_STRT;
    cortex_m_barrier();
    const bool good = finish();
    forget_cached();
    return good;
}

bool board_flash_write(uint32_t offset, const uint32_t *words, uint32_t num_words)
{
    volatile uint32_t *flash = (volatile uint32_t *)((uintptr_t)kws_bundle_start + offset);
    unlock();
    FLASH_CR = FLASH_CR_PSIZE | FLASH_CR_PG;
    for (uint32_t i = 0; i < num_words; ++i) {
        flash[i] = words[i];
        cortex_m_barrier();
        while ((FLASH_SR & FLASH_SR_BSY) != 0u) {
        }
    }
    return finish();
}
