/* SPDX-License-Identifier: Apache-2.0 */
#include "cost.h"

/* An instruction matches a row when (code & mask) == value; the first match counts. Wide instructions have their first
 * halfword on top. A list of registers adds a cycle for each. */
typedef struct {
    uint32_t mask, value;
    enum {
        PLAIN,
        LOAD,
        LOW_REGISTERS, /* of eight */
        REGISTERS,
        FLOAT_REGISTERS
    } kind;
    uint32_t cycles;
    flow_t flow;
} rule_t;

static const rule_t NARROW[] = {
    {0xFF80, 0x4700, PLAIN, 1, FLOW_RETURN},                 /* BX */
    {0xFF80, 0x4780, PLAIN, 1, FLOW_CALL},                   /* BLX */
    {0xFF87, 0x4687, PLAIN, 1, FLOW_JUMP},                   /* MOV PC */
    {0xF800, 0x4800, LOAD, 2, FLOW_NEXT_OR_BRANCH},          /* LDR literal */
    {0xFE00, 0x5600, LOAD, 2, FLOW_NEXT_OR_BRANCH},          /* LDRSB register */
    {0xF800, 0x5800, LOAD, 2, FLOW_NEXT_OR_BRANCH},          /* LDR, LDRH, LDRB, LDRSH register */
    {0xE800, 0x6800, LOAD, 2, FLOW_NEXT_OR_BRANCH},          /* LDR, LDRB immediate */
    {0xF800, 0x8800, LOAD, 2, FLOW_NEXT_OR_BRANCH},          /* LDRH immediate */
    {0xF800, 0x9800, LOAD, 2, FLOW_NEXT_OR_BRANCH},          /* LDR from the stack */
    {0xFF00, 0xBD00, REGISTERS, 4, FLOW_RETURN},             /* POP with PC */
    {0xF600, 0xB400, REGISTERS, 1, FLOW_NEXT_OR_BRANCH},     /* PUSH, POP */
    {0xF000, 0xC000, LOW_REGISTERS, 1, FLOW_NEXT_OR_BRANCH}, /* LDM, STM */
};

static const rule_t WIDE[] = {
    {0xFE508000, 0xE8108000, REGISTERS, 4, FLOW_RETURN},         /* LDM, POP with PC */
    {0xFE400000, 0xE8000000, REGISTERS, 1, FLOW_NEXT_OR_BRANCH}, /* LDM, STM */
    {0xFFF0F0E0, 0xE8D0F000, PLAIN, 1, FLOW_NEXT_OR_BRANCH},     /* TBB, TBH */
    {0xFFF000E0, 0xE8D00040, LOAD, 2, FLOW_NEXT_OR_BRANCH},      /* LDREXB, LDREXH */
    {0xFFF000E0, 0xE8C00040, PLAIN, 1, FLOW_NEXT_OR_BRANCH},     /* STREXB, STREXH */
    {0xFF600000, 0xE8600000, PLAIN, 3, FLOW_NEXT_OR_BRANCH},     /* LDRD, STRD, after */
    {0xFF400000, 0xE9400000, PLAIN, 3, FLOW_NEXT_OR_BRANCH},     /* LDRD, STRD, before */
    {0xFFF00000, 0xE8500000, LOAD, 2, FLOW_NEXT_OR_BRANCH},      /* LDREX */
    {0xFF70F000, 0xF850F000, LOAD, 2, FLOW_RETURN},              /* LDR PC */
    {0xFE10F000, 0xF810F000, PLAIN, 1, FLOW_NEXT_OR_BRANCH},     /* PLD, PLI */
    {0xFE100000, 0xF8100000, LOAD, 2, FLOW_NEXT_OR_BRANCH},      /* LDR of all sizes */
    {0xFFD000F0, 0xFB9000F0, PLAIN, 7, FLOW_NEXT_OR_BRANCH},     /* SDIV, UDIV */
    {0xF800D000, 0xF000D000, PLAIN, 1, FLOW_CALL},               /* BL */
    {0xFF300E00, 0xED100A00, LOAD, 2, FLOW_NEXT_OR_BRANCH},      /* VLDR */
    {0xFF300E00, 0xED000A00, PLAIN, 1, FLOW_NEXT_OR_BRANCH},     /* VSTR */
    {0xFFE00E00, 0xEC400A00, PLAIN, 1, FLOW_NEXT_OR_BRANCH},     /* VMOV of two registers */
    {0xFE000E00, 0xEC000A00, FLOAT_REGISTERS, 1, FLOW_NEXT_OR_BRANCH},
    {0xFFA00E10, 0xEE000A00, PLAIN, 3, FLOW_NEXT_OR_BRANCH},  /* VMLA, VMLS, VNMLA, VNMLS */
    {0xFFB00E10, 0xEE800A00, PLAIN, 14, FLOW_NEXT_OR_BRANCH}, /* VDIV */
    {0xFFB00E10, 0xEE900A00, PLAIN, 3, FLOW_NEXT_OR_BRANCH},  /* VFNMA, VFNMS */
    {0xFFB00E10, 0xEEA00A00, PLAIN, 3, FLOW_NEXT_OR_BRANCH},  /* VFMA, VFMS */
    {0xFFBF0ED0, 0xEEB10AC0, PLAIN, 14, FLOW_NEXT_OR_BRANCH}, /* VSQRT */
};

static uint32_t registers_of(const rule_t *rule, uint32_t code)
{
    switch (rule->kind) {
    case LOW_REGISTERS: return (uint32_t)__builtin_popcount(code & 0xFFu);
    case REGISTERS:
        return (uint32_t)__builtin_popcount(rule->mask > 0xFFFFu ? code & 0xFFFFu : code & 0x1FFu);
    case FLOAT_REGISTERS: return (code & 0xFFu) >> (code >> 8 & 1u);
    default: return 0u;
    }
}

static cost_t match(const rule_t *rules, uint32_t num_rules, uint32_t code)
{
    for (uint32_t i = 0; i < num_rules; ++i) {
        const rule_t *rule = &rules[i];
        if ((code & rule->mask) == rule->value) {
            return (cost_t){.cycles = rule->cycles + registers_of(rule, code),
                            .is_load = rule->kind == LOAD,
                            .flow = rule->flow};
        }
    }
    return (cost_t){.cycles = 1};
}

bool cost_is_wide(uint16_t first)
{
    return first >= 0xE800u;
}

cost_t cost_of(uint16_t first, uint16_t second)
{
    return cost_is_wide(first) ? match(WIDE, sizeof WIDE / sizeof *WIDE, (uint32_t)first << 16 | second)
                               : match(NARROW, sizeof NARROW / sizeof *NARROW, first);
}
