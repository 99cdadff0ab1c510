/* SPDX-License-Identifier: Apache-2.0 */
/* The part of board.h that is the same on every Cortex-M: sleep, memory, the fault before this start. */
#include "board.h"

#include "cortex_m.h"
#include "layout.h"
#include "startup.h"

void board_sleep(void)
{
    cortex_m_sleep();
}

board_memory_t board_bundle(void)
{
    return (board_memory_t){.data = (void *)(uintptr_t)kws_bundle_start,
                            .size_bytes = (uint32_t)(kws_bundle_end - kws_bundle_start)};
}

board_memory_t board_arena(void)
{
    return (board_memory_t){.data = kws_arena_start,
                            .size_bytes = (uint32_t)(kws_arena_end - kws_arena_start)};
}

uint32_t board_static_bytes(void)
{
    return cortex_m_static_bytes();
}

uint32_t board_stack_peak_bytes(void)
{
    return cortex_m_stack_peak_bytes();
}

bool board_take_fault(board_fault_t *fault)
{
    return startup_take_fault(fault);
}
