/* What one instruction costs on a Cortex-M4 with zero wait states, from its disassembly. */
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

/* disassembly: mnemonic, white space, operands, as capstone prints them */
cost_t cost_of(const char *disassembly);

#endif
