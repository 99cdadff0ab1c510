/* SPDX-License-Identifier: Apache-2.0 */
/* board_flash.h on the NVMC. The processor stands still while flash works; DMA goes on. */
#include "board_flash.h"

#include "layout.h"
#include "nrf52840.h"

static void wait_until_ready(void)
{
    while ((NVMC_READY & NVMC_READY_READY) == 0u) {
    }
}

bool board_flash_erase(uint32_t offset)
{
    NVMC_CONFIG = NVMC_CONFIG_WEN_EEN;
    NVMC_ERASEPAGE = (uint32_t)(uintptr_t)kws_bundle_start + offset;
    wait_until_ready();
    NVMC_CONFIG = NVMC_CONFIG_WEN_REN;
    return true;
}

bool board_flash_write(uint32_t offset, const uint32_t *words, uint32_t num_words)
{
    volatile uint32_t *flash = (volatile uint32_t *)((uintptr_t)kws_bundle_start + offset);
    NVMC_CONFIG = NVMC_CONFIG_WEN_WEN;
    for (uint32_t i = 0; i < num_words; ++i) {
        flash[i] = words[i];
        wait_until_ready();
    }
    NVMC_CONFIG = NVMC_CONFIG_WEN_REN;
    return true;
}
