/* SPDX-License-Identifier: Apache-2.0 */
/* Text to the host, without stdio. Waits while the serial port is full. */
#ifndef KWS_MLPERF_ANSWER_H
#define KWS_MLPERF_ANSWER_H

#include <stdint.h>

void answer_text(const char *text);
void answer_number(uint32_t number);

/* parts / 256 with three decimals, as printf("%.3f") rounds it. */
void answer_fraction_of_256(uint32_t parts);

/* Ends the line. */
void answer_end(void);

/* A whole line: text, then number. */
void answer_line(const char *text);
void answer_line_number(const char *text, uint32_t number);

/* e-[problem] or e-[problem: detail]; detail may be NULL. */
void answer_error(const char *problem, const char *detail);

#endif
