/* SPDX-License-Identifier: Apache-2.0 */
/* Basic blocks of the program and what they cost: machine code -> cycles (cost.c), once per block of flash. */
#include "blocks.h"

#include <stdlib.h>
#include <string.h>

#include "cost.h"
#include "machine.h"

static block_t *blocks; /* one per halfword of flash */

bool blocks_init(void)
{
    blocks = calloc(CHIP.flash_bytes / 2, sizeof *blocks);
    return blocks != NULL;
}

void blocks_forget(uint32_t address, uint32_t num_bytes)
{
    if (address - CHIP.flash_start < CHIP.flash_bytes) {
        memset(blocks + (address - CHIP.flash_start) / 2, 0, num_bytes / 2 * sizeof *blocks);
    }
}

static block_t cost_of_block(const uint16_t *code, uint32_t num_halfwords)
{
    block_t block = {.num_halfwords = (uint16_t)num_halfwords};
    for (uint32_t i = 0; i < num_halfwords; ++block.num_instructions) {
        const bool wide = cost_is_wide(code[i]) && i + 1 < num_halfwords;
        const bool after_load = block.ends_with_load;
        const cost_t cost = cost_of(code[i], wide ? code[i + 1] : 0u);
        block.sends_event = block.sends_event || code[i] == 0xBF40u;
        block.cycles += cost.cycles - (after_load && cost.is_load ? 1u : 0u);
        block.ends_with_load = cost.is_load;
        block.ends_with_jump = cost.flow == FLOW_JUMP;
        block.begins_with_load = block.begins_with_load || (i == 0 && cost.is_load);
        i += wide ? 2 : 1;
    }
    return block;
}

block_t blocks_find(uint32_t address, uint32_t num_halfwords)
{
    const uint32_t at = (address - CHIP.flash_start) / 2;
    const bool in_flash = address - CHIP.flash_start < CHIP.flash_bytes;
    if (in_flash && blocks[at].num_halfwords == num_halfwords) {
        return blocks[at];
    }
    uint16_t code[2048];
    if (num_halfwords > sizeof code / sizeof *code || !memory_read(address, code, 2 * num_halfwords)) {
        return (block_t){0};
    }
    const block_t block = cost_of_block(code, num_halfwords);
    if (in_flash) {
        blocks[at] = block;
    }
    return block;
}
