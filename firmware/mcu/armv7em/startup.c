/* SPDX-License-Identifier: Apache-2.0 */
#include "startup.h"

#include <stdbool.h>
#include <stdint.h>

#include "board.h"
#include "cortex_m.h"
#include "layout.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define NVIC_ICER(word)   REGISTER(0xE000E180u + 4u * (word))
#define NVIC_ICPR(word)   REGISTER(0xE000E280u + 4u * (word))
#define SCB_VTOR          REGISTER(0xE000ED08u)
#define SCB_CFSR          REGISTER(0xE000ED28u)

enum {
    NVIC_WORDS = 8
};

int main(int argc, char **argv);

/* What a fault leaves for the next start: RAM that nothing clears. Whatever is in it after power-on is no fault. */
typedef struct {
    board_fault_t fault;
    uint32_t check;
} kept_fault_t;

__attribute__((section(".noinit"))) static kept_fault_t kept;

static uint32_t check_of(const board_fault_t *fault)
{
    return 0x6B777321u ^ fault->exception ^ (fault->status << 1) ^ (fault->pc << 2) ^ (fault->lr << 3);
}

bool startup_take_fault(board_fault_t *fault)
{
    const bool there = kept.check == check_of(&kept.fault) && kept.fault.exception != 0u;
    if (there) {
        *fault = kept.fault;
    }
    kept = (kept_fault_t){.check = 0u};
    return there;
}

static void paint_stack(void)
{
    /* Up to this function's own frame; everything above is in use. */
    uint32_t *here = __builtin_frame_address(0);
    for (uint32_t *word = kws_stack_start; word < here - 8; ++word) {
        *word = KWS_STACK_PAINT;
    }
}

/* After a bootloader nothing is as after a reset: its vector table is in force, its interrupts are on. */
static void take_over(void)
{
    for (uint32_t word = 0; word < NVIC_WORDS; ++word) {
        NVIC_ICER(word) = 0xFFFFFFFFu;
        NVIC_ICPR(word) = 0xFFFFFFFFu;
    }
#if __ARM_ARCH >= 7 /* a Cortex-M0 has none */
    SCB_VTOR = (uint32_t)(uintptr_t)kws_vectors;
#endif
    __asm volatile("dsb\n\tisb\n\tcpsie i" ::: "memory");
}

/* firmware/CMakeLists.txt compiles this file so that its loops stay loops: as calls of memset and memcpy they would need a
 * stack below the one that is being painted. */
void Reset_Handler(void)
{
    take_over();
    const uint32_t *load = kws_data_load;
    for (uint32_t *word = kws_data_start; word < kws_data_end; ++word) {
        *word = *load++;
    }
    for (uint32_t *word = kws_bss_start; word < kws_bss_end; ++word) {
        *word = 0u;
    }
    paint_stack();
    main(0, 0);
    for (;;) {
    }
}

/* Called from Fault_Handler on a fresh stack. */
__attribute__((used, noreturn)) static void report_fault(uint32_t pc, uint32_t lr)
{
    board_fault_t fault = {.status = SCB_CFSR, .pc = pc, .lr = lr};
    __asm volatile("mrs %0, ipsr" : "=r"(fault.exception));
    kept = (kept_fault_t){.fault = fault, .check = check_of(&fault)};
    board_on_fault(&fault);
    cortex_m_reset();
}

/* What the core has pushed (r0 to r3, r12, lr, pc, xpsr) is read first: if main's own code is at fault, it lies where the
 * fresh stack will. If the stack itself has overflowed, nothing was pushed, and both are 0. */
__attribute__((naked)) void Fault_Handler(void)
{
    __asm volatile(".syntax unified\n\t"
                   "movs r0, #0\n\t"
                   "movs r1, #0\n\t"
                   "mov r2, sp\n\t"
                   "ldr r3, =kws_stack_end\n\t"
                   "mov sp, r3\n\t"
                   "subs r3, #32\n\t"
                   "cmp r2, r3\n\t"
                   "bhi 1f\n\t"
                   "ldr r3, =kws_stack_start\n\t"
                   "cmp r2, r3\n\t"
                   "blo 1f\n\t"
                   "ldr r0, [r2, #24]\n\t" /* pc */
                   "ldr r1, [r2, #20]\n"   /* lr */
                   "1:\n\t"
                   "bl report_fault");
}
