/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest program frame that runs on the emulated Cortex-M4 and talks to the host's terminal. */
#ifndef KWS_TEST_SEMIHOSTING_H
#define KWS_TEST_SEMIHOSTING_H

#include <stdint.h>

void print(const char *text);
void print_number(uint32_t number);

/* The program; 0 is success. */
int run(void);

#endif
