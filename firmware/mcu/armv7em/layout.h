/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses that the linker script (sections.ld) gives names to. */
#ifndef KWS_LAYOUT_H
#define KWS_LAYOUT_H

#include <stdint.h>

/* What the start-up code fills the stack with; cortex_m_stack_peak_bytes looks where it is gone. */
#define KWS_STACK_PAINT 0xA5A5A5A5u

/* RAM from its first byte up: stack (grows down, so an overflow leaves RAM and faults), data, bss, what
 * a reset leaves alone, arena. */
extern uint32_t kws_stack_start[];
extern uint32_t kws_stack_end[];
extern uint32_t kws_data_start[];
extern uint32_t kws_data_end[];
extern const uint32_t kws_data_load[];
extern uint32_t kws_bss_start[];
extern uint32_t kws_bss_end[];
extern uint32_t kws_noinit_end[];
extern uint8_t kws_arena_start[];
extern uint8_t kws_arena_end[];

/* The vector table, first in flash. */
extern const uint32_t kws_vectors[];

/* Flash set aside for the bundle. */
extern const uint8_t kws_bundle_start[];
extern const uint8_t kws_bundle_end[];

#endif
