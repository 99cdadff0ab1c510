/* SPDX-License-Identifier: Apache-2.0 */
/* Reads how the layers of the MODL section are connected: what each reads, and at what pace. */
#include "kws_model_layer.h"

/* What a layer reads, and how many frames there are to one of its rows. */
typedef struct {
    uint32_t height;
    uint32_t values;
    uint32_t frames_per_row;
} source_t;

/* Frames from one output row of a layer, which was checked, to the next: the strides on the way to it. */
static uint32_t frames_per_row(const kws_model_config_t *self, uint32_t index)
{
    uint32_t product = 1u;
    for (;;) {
        const uint32_t back = kws_model_back(&self->layers[index], 0u);
        product *= self->layers[index].stride_height;
        if (back > index) {
            return product;
        }
        index -= back;
    }
}

/* The input of layer `index`, seen `back` layers before it. */
static bool find_source(const kws_model_config_t *self, uint32_t index, uint32_t back, source_t *source)
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
    *source = (source_t){record->output_height, kws_model_output_values(record),
                         frames_per_row(self, index - back)};
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
static bool inputs_fit(kws_model_config_t *self, uint32_t index, uint64_t *read)
{
    const kws_model_layer_t *record = &self->layers[index];
    const uint32_t num_inputs = kws_model_is_join(record) ? 2u : 1u;
    source_t sources[2] = {{0u, 0u, 0u}, {0u, 0u, 0u}};
    for (uint32_t port = 0u; port < num_inputs; ++port) {
        const uint32_t back = kws_model_back(record, port);
        const uint32_t values = (num_inputs == 2u) ? kws_model_join_values(record, port)
                                                   : (uint32_t)record->input_width * record->input_channels;
        if (!find_source(self, index, back, &sources[port]) || sources[port].height != record->input_height ||
            sources[port].values != values) {
            return false;
        }
        note_reader(self, index, back, read);
        self->is_chain = self->is_chain && back == 1u && num_inputs == 1u && record->op != KWS_MODEL_SLICE;
    }
    return sources[0].frames_per_row * record->stride_height <= KWS_MODEL_MAX_FRAMES &&
           (num_inputs == 1u || sources[0].frames_per_row == sources[1].frames_per_row ||
            (record->input_height == 1u && !self->streaming)); /* one row each: any pace will do */
}

/* Do the layers fit together, the first to the frames and the last to the labels? */
static bool shapes_meet(kws_model_config_t *self)
{
    uint64_t read = 0u;
    self->is_chain = true;
    for (uint32_t i = 0u; i < self->num_layers; ++i) {
        if (!inputs_fit(self, i, &read)) {
            return false;
        }
    }
    const uint32_t last = self->num_layers - 1u;
    const uint64_t all_but_last = ((uint64_t)1 << last) - 1u;
    const kws_model_layer_t *output = &self->layers[last];
    return read == all_but_last && output->output_height == 1u &&
           kws_model_output_values(output) == self->num_labels &&
           (!self->streaming || self->decision_frames == frames_per_row(self, last));
}

bool kws_model_graph_fits(kws_model_config_t *self)
{
    return shapes_meet(self) && (self->is_chain || kws_model_rows_meet(self));
}
