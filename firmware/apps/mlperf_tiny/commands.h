/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of the MLPerf Tiny host runner. */
#ifndef KWS_MLPERF_COMMANDS_H
#define KWS_MLPERF_COMMANDS_H

#include "inference.h"

typedef struct {
    inference_t inference;
    uint32_t expected_bytes; /* of the input being loaded; 0 = none is */
    uint32_t loaded_bytes;
} commands_t;

/* Says hello as the host runner expects it after a reset. */
void commands_init(commands_t *self);

/* command: without the final '%'; it is cut into words in place. */
void commands_run(commands_t *self, char *command);

#endif
