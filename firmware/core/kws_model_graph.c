/* SPDX-License-Identifier: Apache-2.0 */
/* Reads how the layers of the MODL section are connected: what each reads, at what pace, and whether the rows that
 * have to wait at a join find room. */
#include <string.h>

#include "kws_model_layer.h"

/* What a layer reads, and how many frames there are to one of its rows. */
typedef struct {
    uint32_t height;
    uint32_t values;
    uint32_t frames_per_row;
} source_t;

/* The input of layer `index`, seen `back` layers before it. */
static bool find_source(const kws_model_config_t *self, uint32_t index, uint32_t back,
                        const uint16_t *frames_per_row, source_t *source)
{
    if (back == 0u || back > index + 1u) {
        return false;
    }
    if (back == index + 1u) {
        const uint32_t height = self->streaming ? self->layers[0].input_height : self->window_frames;
        *source = (source_t){height, self->num_features, 1u};
        return height <= self->window_frames;
    }
    const kws_model_layer_t *record = &self->layers[index - back];
    *source =
        (source_t){record->output_height, kws_model_output_values(record), frames_per_row[index - back]};
    return true;
}

/* Notes that layer `index` reads the one `back` before it. */
static void note_reader(kws_model_config_t *self, uint32_t index, uint32_t back, uint64_t *read)
{
    if (back > index) {
        return;
    }
    const uint64_t bit = (uint64_t)1 << (index - back);
    self->shared |= (back > 1u || (*read & bit) != 0u) ? bit : 0u;
    *read |= bit;
}

/* Both inputs of layer `index`: do they have the shape it reads, and at a join the same pace? */
static bool inputs_fit(kws_model_config_t *self, uint32_t index, uint16_t *frames_per_row, uint64_t *read)
{
    const kws_model_layer_t *record = &self->layers[index];
    const uint32_t num_inputs = kws_model_is_join(record) ? 2u : 1u;
    source_t sources[2] = {{0u, 0u, 0u}, {0u, 0u, 0u}};
    for (uint32_t port = 0u; port < num_inputs; ++port) {
        const uint32_t back = kws_model_back(record, port);
        const uint32_t values = (num_inputs == 2u) ? kws_model_join_values(record, port)
                                                   : (uint32_t)record->input_width * record->input_channels;
        if (!find_source(self, index, back, frames_per_row, &sources[port]) ||
            sources[port].height != record->input_height || sources[port].values != values) {
            return false;
        }
        note_reader(self, index, back, read);
        self->is_chain = self->is_chain && back == 1u && num_inputs == 1u && record->op != KWS_MODEL_SLICE;
    }
    const uint32_t pace = sources[0].frames_per_row * record->stride_height; /* at most 4096 * 255 */
    frames_per_row[index] = (uint16_t)pace;
    return pace <= KWS_MODEL_MAX_FRAMES &&
           (num_inputs == 1u || sources[0].frames_per_row == sources[1].frames_per_row ||
            (record->input_height == 1u && !self->streaming)); /* one row each: any pace will do */
}

/* Do the layers fit together, the first to the frames and the last to the labels? */
static bool shapes_meet(kws_model_config_t *self)
{
    uint16_t frames_per_row[KWS_MODEL_MAX_LAYERS];
    uint64_t read = 0u;
    self->is_chain = true;
    for (uint32_t i = 0u; i < self->num_layers; ++i) {
        if (!inputs_fit(self, i, frames_per_row, &read)) {
            return false;
        }
    }
    const uint32_t last = self->num_layers - 1u;
    const uint64_t all_but_last = ((uint64_t)1 << last) - 1u;
    const kws_model_layer_t *output = &self->layers[last];
    return read == all_but_last && output->output_height == 1u &&
           kws_model_output_values(output) == self->num_labels &&
           (!self->streaming || self->decision_frames == frames_per_row[last]);
}

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
static bool rows_meet(const kws_model_config_t *config)
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

bool kws_model_graph_fits(kws_model_config_t *self)
{
    return shapes_meet(self) && (self->is_chain || rows_meet(self));
}
