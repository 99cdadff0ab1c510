#include "cost.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *prefix; /* of the mnemonic; the first match counts */
    uint32_t cycles;
} rule_t;

static const rule_t RULES[] = {
    {"ldrd", 3},  {"strd", 3},   {"sdiv", 7},  {"udiv", 7},  {"vmla", 3},  {"vmls", 3},
    {"vfma", 3},  {"vfms", 3},   {"vnmla", 3}, {"vnmls", 3}, {"vfnma", 3}, {"vfnms", 3},
    {"vdiv", 14}, {"vsqrt", 14}, {"vldr", 2},  {"ldr", 2},
};

static const char *const MULTIPLE[] = {"ldm", "stm", "push", "pop", "vldm", "vstm", "vpush", "vpop"};

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Registers in "{r4, r5-r7, lr}". */
static uint32_t registers_in_list(const char *operands)
{
    const char *at = strchr(operands, '{');
    uint32_t count = 0;
    long last_number = 0;
    while (at != NULL && *at != '\0' && *at != '}') {
        ++at; /* over '{', ',' or '-' */
        const bool range_end = at[-1] == '-';
        while (isspace((unsigned char)*at)) {
            ++at;
        }
        const char *digits = at;
        while (isalpha((unsigned char)*digits)) {
            ++digits;
        }
        const long number = strtol(digits, NULL, 10);
        count += range_end ? (uint32_t)(number - last_number) : 1u;
        last_number = number;
        at = strpbrk(at, ",-}");
    }
    return count;
}

static bool names_pc(const char *operands)
{
    for (const char *at = strstr(operands, "pc"); at != NULL; at = strstr(at + 1, "pc")) {
        if (!isalnum((unsigned char)at[2]) && (at == operands || !isalnum((unsigned char)at[-1]))) {
            return true;
        }
    }
    return false;
}

/* "ble", "blt", "bls" and "blo" are conditional branches, not calls. */
static bool is_call(const char *mnemonic)
{
    const size_t length = strcspn(mnemonic, ". \t");
    return starts_with(mnemonic, "bl") && !(length == 3 && strchr("etso", mnemonic[2]) != NULL);
}

static flow_t flow_of(const char *mnemonic, const char *operands, bool multiple)
{
    if (is_call(mnemonic)) {
        return FLOW_CALL;
    }
    if (starts_with(mnemonic, "mov") && starts_with(operands, "pc")) {
        return FLOW_JUMP;
    }
    const bool loads_pc =
        (multiple && names_pc(operands)) || (starts_with(mnemonic, "ldr") && starts_with(operands, "pc"));
    return loads_pc || starts_with(mnemonic, "bx") ? FLOW_RETURN : FLOW_NEXT_OR_BRANCH;
}

cost_t cost_of(const char *disassembly)
{
    const char *operands = disassembly + strcspn(disassembly, " \t");
    operands += strspn(operands, " \t");
    cost_t cost = {.cycles = 1};
    bool multiple = false;
    for (size_t i = 0; i < sizeof MULTIPLE / sizeof *MULTIPLE && !multiple; ++i) {
        multiple = starts_with(disassembly, MULTIPLE[i]);
    }
    if (multiple) {
        cost.cycles += registers_in_list(operands) + (names_pc(operands) ? 3u : 0u);
    }
    for (size_t i = 0; i < sizeof RULES / sizeof *RULES && !multiple; ++i) {
        if (starts_with(disassembly, RULES[i].prefix)) {
            cost.cycles = RULES[i].cycles;
            cost.is_load = strstr(RULES[i].prefix, "ldr") != NULL && !starts_with(disassembly, "ldrd");
            break;
        }
    }
    cost.flow = flow_of(disassembly, operands, multiple);
    return cost;
}
