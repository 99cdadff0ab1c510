/* SPDX-License-Identifier: Apache-2.0 */
/* Cortex-M4 cycle model for QEMU: a plug-in that charges every translated block what README.md's table says.
 *
 *   qemu-system-arm ... -plugin file=libkws_cycles.so,watch=FILE,out=FILE
 *
 * watch names functions, handlers and memory regions (watch.h); out gets one JSON object when the emulator
 * ends. Charged at the start of a block; whether its last instruction branched is seen when the next block
 * starts. */
#define _POSIX_C_SOURCE 200809L /* strdup */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cost.h"
#include "qemu_plugin_api.h"
#include "watch.h"

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_API_VERSION;

typedef struct {
    uint64_t address;
    uint32_t cycles;
} charge_t;

/* A straight run of instructions that QEMU translated at once. */
typedef struct block {
    uint64_t begin;
    uint64_t end; /* address behind the last instruction */
    uint32_t num_instructions;
    uint32_t cycles;
    bool begins_with_load;
    bool ends_with_load;
    flow_t flow;                /* of the last instruction */
    watch_function_t *function; /* that starts here, or NULL */
    uint64_t executions;
    uint64_t branches;  /* executions after which the program did not go on at `end` */
    uint64_t joined;    /* executions whose first load directly followed the load before this block */
    struct block *next; /* list of all blocks */
    charge_t charges[];
} block_t;

static block_t *blocks;
static block_t *previous;
static uint64_t clock_cycles;
static const char *out_path;

/* The same code translated again (QEMU drops old translations now and then) goes on counting where it was. */
static block_t *find_block(uint64_t begin, uint32_t num_instructions)
{
    block_t *block = blocks;
    while (block != NULL && (block->begin != begin || block->num_instructions != num_instructions)) {
        block = block->next;
    }
    return block;
}

static uint16_t halfword(const struct qemu_plugin_insn *instruction, uint32_t index)
{
    const uint8_t *code = qemu_plugin_insn_data(instruction);
    return (uint16_t)(code[2 * index] | code[2 * index + 1] << 8);
}

/* Bytes of an instruction. QEMU's own figure is too large where it has looked at the instruction behind, as it does at
 * the end of a page. */
static uint32_t size_of(const struct qemu_plugin_insn *instruction)
{
    return cost_is_wide(halfword(instruction, 0)) ? 4u : 2u;
}

static block_t *make_block(const struct qemu_plugin_tb *translated, uint32_t num_instructions)
{
    block_t *block = calloc(1, sizeof *block + num_instructions * sizeof block->charges[0]);
    if (block == NULL) {
        fputs("kws_cycles: out of memory\n", stderr);
        abort();
    }
    block->begin = qemu_plugin_tb_vaddr(translated);
    block->num_instructions = num_instructions;
    bool after_load = false;
    for (uint32_t i = 0; i < num_instructions; ++i) {
        const struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(translated, i);
        const bool wide = size_of(instruction) == 4u;
        const cost_t cost = cost_of(halfword(instruction, 0), wide ? halfword(instruction, 1) : 0u);
        const uint32_t cycles = cost.cycles - (cost.is_load && after_load ? 1u : 0u);
        block->charges[i] = (charge_t){qemu_plugin_insn_vaddr(instruction), cycles};
        block->cycles += cycles;
        block->begins_with_load |= i == 0 && cost.is_load;
        block->flow = cost.flow;
        block->end = qemu_plugin_insn_vaddr(instruction) + size_of(instruction);
        after_load = cost.is_load;
    }
    block->ends_with_load = after_load;
    block->function = watch_find(block->begin);
    block->next = blocks;
    blocks = block;
    return block;
}

/* Settles the block before: did it branch, call, return? */
static void on_flow(block_t *from, block_t *to)
{
    if (to->begin == from->end && from->flow != FLOW_JUMP) {
        if (from->ends_with_load && to->begins_with_load) {
            --clock_cycles; /* QEMU cut the run between two loads */
            ++to->joined;
        }
        return;
    }
    clock_cycles += COST_TAKEN_BRANCH;
    ++from->branches;
    if (from->flow == FLOW_CALL) {
        watch_call(from->end, clock_cycles);
    } else if (from->flow == FLOW_RETURN) {
        watch_return(to->begin, clock_cycles);
    }
}

static void on_block(unsigned int vcpu, void *user)
{
    (void)vcpu;
    block_t *block = user;
    if (previous != NULL && previous->flow == FLOW_RETURN && watch_in_handler_frame()) {
        clock_cycles += COST_EXCEPTION_RETURN;
        union {
            const void *note;
            block_t *block;
        } interrupted = {.note = watch_exception_end(clock_cycles)};
        previous = interrupted.block;
    }
    if (block->function != NULL && block->function->interrupt) {
        watch_exception_begin(previous, clock_cycles);
        clock_cycles += COST_EXCEPTION_ENTRY;
    } else if (previous != NULL) {
        on_flow(previous, block);
    }
    if (block->function != NULL) {
        watch_enter(block->function, clock_cycles);
    }
    ++block->executions;
    clock_cycles += block->cycles;
    previous = block;
}

static void on_access(unsigned int vcpu, qemu_plugin_meminfo_t info, uint64_t address, void *user)
{
    (void)vcpu;
    (void)user;
    if (!qemu_plugin_mem_is_store(info)) {
        watch_load(address);
    }
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *translated)
{
    (void)id;
    const uint32_t num_instructions = (uint32_t)qemu_plugin_tb_n_insns(translated);
    block_t *block = find_block(qemu_plugin_tb_vaddr(translated), num_instructions);
    if (block == NULL) {
        block = make_block(translated, num_instructions);
    }
    qemu_plugin_register_vcpu_tb_exec_cb(translated, on_block, QEMU_PLUGIN_CB_NO_REGS, block);
    /* Asked for reads alone, QEMU 7.2 tells of writes alone: so take both. */
    for (uint32_t i = 0; watch_has_regions() && i < num_instructions; ++i) {
        qemu_plugin_register_vcpu_mem_cb(qemu_plugin_tb_get_insn(translated, i), on_access,
                                         QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW, NULL);
    }
}

/* [[address, executions, cycles], ...] per instruction; an address may come more than once. */
static void write_histogram(FILE *out)
{
    const char *separator = "";
    fputs("[", out);
    for (const block_t *block = blocks; block != NULL; block = block->next) {
        for (uint32_t i = 0; i < block->num_instructions && block->executions > 0; ++i) {
            const bool last = i + 1 == block->num_instructions;
            const uint64_t cycles = block->executions * block->charges[i].cycles +
                                    (last ? block->branches * COST_TAKEN_BRANCH : 0u) -
                                    (i == 0 ? block->joined : 0u);
            fprintf(out, "%s\n    [%" PRIu64 ", %" PRIu64 ", %" PRIu64 "]", separator,
                    block->charges[i].address, block->executions, cycles);
            separator = ",";
        }
    }
    fputs("]", out);
}

static void write_report(qemu_plugin_id_t id, void *user)
{
    (void)id;
    (void)user;
    FILE *out = fopen(out_path, "w");
    if (out == NULL) {
        fprintf(stderr, "kws_cycles: cannot write %s\n", out_path);
        return;
    }
    fprintf(out, "{\n  \"cycles\": %" PRIu64 ",\n  \"interrupt_cycles\": %" PRIu64 ",\n  \"calls\": ",
            clock_cycles, watch_interrupt_cycles());
    watch_write(out);
    fputs(",\n  \"histogram\": ", out);
    write_histogram(out);
    fputs("\n}\n", out);
    fclose(out);
}

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; ++i) {
        if (strncmp(argv[i], "out=", 4) == 0) {
            out_path = strdup(argv[i] + 4);
        } else if (strncmp(argv[i], "watch=", 6) != 0 || !watch_read(argv[i] + 6)) {
            fprintf(stderr, "kws_cycles: cannot use the argument %s; expected watch=FILE,out=FILE\n",
                    argv[i]);
            return -1;
        }
    }
    if (out_path == NULL) {
        fputs("kws_cycles: the argument out=FILE is missing\n", stderr);
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    qemu_plugin_register_atexit_cb(id, write_report, NULL);
    return 0;
}
