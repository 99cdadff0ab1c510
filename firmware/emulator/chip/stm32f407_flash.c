/* SPDX-License-Identifier: Apache-2.0 */
/* The flash controller of the STM32F407. */
#include <string.h>

#include "stm32f407.h"

enum {
    FLASH_ACR = FLASH,
    FLASH_KEYR = FLASH + 0x04,
    FLASH_CR = FLASH + 0x10,
    FLASH_LOCK = 31,
    WRITE_US = 16
};

static void flash_erase(unsigned sector)
{
    static const uint32_t KIB[12] = {16, 16, 16, 16, 64, 128, 128, 128, 128, 128, 128, 128};
    uint32_t start = FLASH_START;
    for (unsigned i = 0; i < sector && i < 12; ++i) {
        start += 1024u * KIB[i];
    }
    static uint8_t ones[128 * 1024];
    const size_t num_bytes = sector < 12 ? 1024u * KIB[sector] : 0;
    memset(ones, 0xFF, sizeof ones);
    supply_during_erase(start, ones, num_bytes);
    memory_write(start, ones, num_bytes);
    core_stall((uint64_t)(sector < 12 ? 100 + 8 * KIB[sector] : 0) *
               (CORE_HZ / 1000)); /* about 1.1 s for 128 KiB */
}

void flash_write(uint32_t address, uint32_t old, uint32_t value)
{
    static uint32_t last_key;
    if (address == FLASH_ACR) {
        duty_set(&duties.cache, (value >> 9 & 1u) != 0u);
    } else if (address == FLASH_KEYR) {
        if (last_key == 0x45670123u && value == 0xCDEF89ABu) {
            *reg(FLASH_CR) &= ~(1u << FLASH_LOCK);
        }
        last_key = value;
    } else if (address == FLASH_CR) {
        if ((old >> FLASH_LOCK & 1u) != 0u) {
            outside_mistake("FLASH_CR written while locked");
            *reg(FLASH_CR) = old;
        } else if ((value & (1u << 16)) != 0u && (value & 2u) != 0u) {
            flash_erase(value >> 3 & 15u);
            *reg(FLASH_CR) &= ~(1u << 16);
        }
    } else if (address == FLASH + 0x0C) {
        *reg(address) = old & ~value;
    }
}

bool soc_flash_write_allowed(uint64_t *stall_cycles)
{
    *stall_cycles = (uint64_t)WRITE_US * (CORE_HZ / 1000000);
    if ((*reg(FLASH_CR) & (1u | 1u << FLASH_LOCK)) != 1u) {
        outside_mistake("store to flash at pc %08x while it is not being programmed", core_pc());
        return false;
    }
    return true;
}

void flash_reset(void)
{
    *reg(FLASH_CR) = 1u << FLASH_LOCK;
    duty_set(&duties.cache, false);
}
