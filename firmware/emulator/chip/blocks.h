/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KWS_EMULATOR_BLOCKS_H
#define KWS_EMULATOR_BLOCKS_H

#include <stdbool.h>
#include <stdint.h>

/* A basic block. */
typedef struct {
    uint16_t num_halfwords, num_instructions;
    uint32_t cycles;
    bool begins_with_load, ends_with_load, ends_with_jump;
    bool sends_event; /* has a SEV in it */
} block_t;

bool blocks_init(void); /* false: no memory */
/* The block at address, from what is known of flash, else from memory. */
block_t blocks_find(uint32_t address, uint32_t num_halfwords);
/* Flash was changed there. */
void blocks_forget(uint32_t address, uint32_t num_bytes);

#endif
