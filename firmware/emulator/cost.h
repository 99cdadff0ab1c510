/* SPDX-License-Identifier: Apache-2.0 */
/* What one Thumb instruction costs on a Cortex-M4 with zero wait states, from its machine code. The one table of costs:
 * QEMU's plug-in and the emulated chips both count with it. */
#ifndef KWS_EMULATOR_COST_H
#define KWS_EMULATOR_COST_H

#include <stdbool.h>
#include <stdint.h>

enum {
    COST_TAKEN_BRANCH = 2,     /* refill of the pipeline, on top of the branch's own cycle */
    COST_EXCEPTION_ENTRY = 12, /* stacking of eight words */
    COST_EXCEPTION_RETURN = 12
};

/* How an instruction that ends a block may leave it. */
typedef enum {
    FLOW_NEXT_OR_BRANCH,
    FLOW_JUMP, /* to a computed address, which may be the next one and yet costs a refill */
    FLOW_CALL,
    FLOW_RETURN
} flow_t;

typedef struct {
    uint32_t cycles; /* after an instruction that is not a load */
    bool is_load;    /* single load: one cycle less right after another one */
    flow_t flow;
} cost_t;

/* Whether the halfword begins an instruction of two. */
bool cost_is_wide(uint16_t first);

/* second: the halfword behind; looked at only when the instruction is wide. */
cost_t cost_of(uint16_t first, uint16_t second);

#endif
