/* SPDX-License-Identifier: Apache-2.0 */
/* Reads whether the rows that have to wait at a join find room. Apart from its caller, so that only graphs need the
 * stack for it. */
#include <string.h>

#include "kws_model_layer.h"

/* The engine (kws_model_rows.c) with row counters in place of rows. */
typedef struct {
    const kws_model_config_t *config;
    uint16_t until_output[KWS_MODEL_MAX_LAYERS];
    uint16_t num_made[KWS_MODEL_MAX_LAYERS];
    uint8_t waiting[KWS_MODEL_MAX_LAYERS][2];
} flow_t;

/* Rows come to a join; *makes_row: both inputs had one. False: one found no room. */
static bool flow_into_join(flow_t *self, uint32_t index, const bool *arrived, bool *makes_row)
{
    const kws_model_layer_t *record = &self->config->layers[index];
    uint8_t *waiting = self->waiting[index];
    bool has_room = true;
    for (uint32_t port = 0u; port < 2u; ++port) {
        const uint32_t room = kws_model_queue_rows(record, port);
        const uint32_t rows = waiting[port] + (arrived[port] ? 1u : 0u);
        has_room = has_room && rows <= ((room == 0u) ? 1u : room);
        waiting[port] = (uint8_t)rows;
    }
    *makes_row = waiting[0] > 0u && waiting[1] > 0u;
    for (uint32_t port = 0u; port < 2u; ++port) {
        waiting[port] = (uint8_t)(waiting[port] - (*makes_row ? 1u : 0u));
        has_room = has_room && (waiting[port] == 0u || kws_model_queue_rows(record, port) > 0u);
    }
    return has_room;
}

/* A row comes to layer `index`, no join. True when it makes one. */
static bool flow_into_layer(flow_t *self, uint32_t index)
{
    const kws_model_layer_t *record = &self->config->layers[index];
    const bool is_cut = record->op == KWS_MODEL_SLICE && !self->config->streaming &&
                        self->num_made[index] >= record->output_height;
    if (is_cut || --self->until_output[index] > 0u) {
        return false;
    }
    self->until_output[index] = record->stride_height;
    ++self->num_made[index];
    return true;
}

static bool row_arrives(const flow_t *self, uint32_t index, uint32_t port, uint64_t fresh, bool frame)
{
    const uint32_t back = kws_model_back(&self->config->layers[index], port);
    return (back > index) ? frame : ((fresh >> (index - back)) & 1u) != 0u;
}

/* One pass from layer `start`, which gets a frame or a row of padding. */
static bool flow_once(flow_t *self, uint32_t start, bool frame, bool *decides)
{
    uint64_t fresh = 0u;
    for (uint32_t index = start; index < self->config->num_layers; ++index) {
        const kws_model_layer_t *record = &self->config->layers[index];
        bool makes_row = false;
        if (kws_model_is_join(record)) {
            const bool arrived[2] = {row_arrives(self, index, 0u, fresh, frame),
                                     row_arrives(self, index, 1u, fresh, frame)};
            if (!flow_into_join(self, index, arrived, &makes_row)) {
                return false;
            }
        } else if (row_arrives(self, index, 0u, fresh, frame) || (index == start && !frame)) {
            makes_row = flow_into_layer(self, index);
        }
        fresh |= (uint64_t)(makes_row ? 1u : 0u) << index;
    }
    *decides = ((fresh >> (self->config->num_layers - 1u)) & 1u) != 0u;
    return true;
}

/* A window, or a stream until its pattern has come twice: does every row find room, and is there an output? */
bool kws_model_rows_meet(const kws_model_config_t *config)
{
    flow_t self;
    memset(&self, 0, sizeof self);
    self.config = config;
    for (uint32_t i = 0u; i < config->num_layers; ++i) {
        self.until_output[i] = kws_model_first_wait(&config->layers[i]);
    }
    bool decides = false;
    bool decided = false;
    const uint32_t num_frames =
        config->window_frames + (config->streaming ? 2u * (uint32_t)config->decision_frames : 0u);
    for (uint32_t i = 0u; i < num_frames && (config->streaming || !decided); ++i) {
        if (!flow_once(&self, 0u, true, &decides)) {
            return false;
        }
        decided = decided || decides;
    }
    for (uint32_t layer = 0u; layer < config->num_layers && !decided; ++layer) {
        for (uint32_t i = 0u; i < config->layers[layer].pad_bottom && !decided; ++i) {
            if (!flow_once(&self, layer, false, &decided)) {
                return false;
            }
        }
    }
    return decided;
}
