/* SPDX-License-Identifier: Apache-2.0 */
/* Reset and faults, the same for every Armv7E-M chip. The chip's vector table (mcu/<family>/vectors.c) points here. */
#ifndef KWS_STARTUP_H
#define KWS_STARTUP_H

#include "board.h"

void Reset_Handler(void);
void SysTick_Handler(void);

/* Every exception that nobody handles, faults first of all: told to board_on_fault, then the chip is reset. */
void Fault_Handler(void);

/* As board_take_fault. */
bool startup_take_fault(board_fault_t *fault);

#endif
