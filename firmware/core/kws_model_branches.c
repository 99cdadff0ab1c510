/* SPDX-License-Identifier: Apache-2.0 */
/* Stage 3, graphs: rows part where several layers read one, and wait at joins for their partners. */
#include <string.h>

#include "kws_model_layer.h"

/* Where the next row that waits at a join goes. A queue that is full, which no sound table lets happen, loses its
 * oldest row. */
static int8_t *queue_place(const kws_model_t *self, uint32_t index, uint32_t port)
{
    const kws_model_layer_t *record = &self->config->layers[index];
    kws_model_queues_t *queues =
        (kws_model_queues_t *)(void *)(self->memory + kws_model_state(self, index)->ring_offset);
    const uint32_t num_rows = kws_model_queue_rows(record, port);
    const uint32_t slot = ((uint32_t)queues->oldest[port] + queues->waiting[port]) % num_rows;
    return (int8_t *)self->memory + queues->rows_offset[port] +
           slot * kws_model_queue_row_bytes(record, port);
}

/* Where layer `index` writes: a place of its own when others read it too, else the place its one reader, the next
 * layer, reads from. */
static int8_t *output_row(const kws_model_t *self, uint32_t index)
{
    const kws_model_config_t *config = self->config;
    const kws_model_layer_t *next = &config->layers[index + 1u];
    if (kws_model_is_shared(config, index)) {
        return (int8_t *)self->memory + kws_model_shared_offset(self, index);
    }
    if (index + 1u < config->num_layers && kws_model_is_join(next)) {
        const uint32_t port = (kws_model_back(next, 0u) == 1u) ? 0u : 1u;
        if (kws_model_queue_rows(next, port) > 0u) {
            return queue_place(self, index + 1u, port);
        }
        return (int8_t *)self->scratch + (((index + 1u) % 2u == 0u) ? 0u : config->row_bytes[0]);
    }
    return (index + 1u < config->num_layers && kws_model_reads_pairs(next))
               ? kws_model_passing_row(self, index + 1u)
               : kws_model_input_row(self, index + 1u);
}

/* What one pass down the table knows. */
typedef struct {
    uint64_t fresh;      /* bit per layer: it made a row in this pass */
    const int8_t *frame; /* the model's newest input; NULL in a pass that began with padding */
} pass_t;

/* The row that just came to an input of layer `index`; NULL: none did. */
static const int8_t *fresh_row(const kws_model_t *self, const pass_t *pass, uint32_t index, uint32_t port)
{
    const uint32_t back = kws_model_back(&self->config->layers[index], port);
    if (back > index) {
        return pass->frame;
    }
    return (((pass->fresh >> (index - back)) & 1u) != 0u) ? output_row(self, index - back) : NULL;
}

/* The oldest row at an input of a join that has no partner yet; NULL: there is none. */
static const int8_t *waiting_row(const kws_model_t *self, const pass_t *pass, uint32_t index, uint32_t port,
                                 kws_model_queues_t *queues)
{
    const kws_model_layer_t *record = &self->config->layers[index];
    const uint32_t num_rows = kws_model_queue_rows(record, port);
    const int8_t *fresh = fresh_row(self, pass, index, port);
    if (num_rows == 0u) {
        return fresh;
    }
    if (fresh != NULL) {
        int8_t *place = queue_place(self, index, port);
        if (place != fresh) {
            memcpy(place, fresh, kws_model_join_values(record, port));
        }
        queues->waiting[port] =
            (uint8_t)(queues->waiting[port] + (queues->waiting[port] < num_rows ? 1u : 0u));
    }
    return (queues->waiting[port] == 0u) ? NULL
                                         : (const int8_t *)self->memory + queues->rows_offset[port] +
                                               queues->oldest[port] * kws_model_queue_row_bytes(record, port);
}

static bool join_step(kws_model_t *self, const pass_t *pass, uint32_t index)
{
    const kws_model_layer_t *record = &self->config->layers[index];
    kws_model_queues_t *queues =
        (kws_model_queues_t *)(void *)(self->memory + kws_model_state(self, index)->ring_offset);
    const int8_t *first = waiting_row(self, pass, index, 0u, queues);
    const int8_t *second = waiting_row(self, pass, index, 1u, queues);
    if (first == NULL || second == NULL) {
        return false;
    }
    const kws_nn_layer_t layer = kws_model_kernel_view(self->config->section, record);
    int8_t *output = output_row(self, index);
    if (record->op == KWS_MODEL_ADD) {
        kws_nn_add_row(&layer, first, second, output);
    } else {
        kws_nn_concat_row(&layer, first, second, output);
    }
    for (uint32_t port = 0u; port < 2u; ++port) {
        const uint32_t num_rows = kws_model_queue_rows(record, port);
        if (num_rows > 0u) {
            queues->oldest[port] = (uint8_t)kws_model_next_slot(queues->oldest[port], num_rows);
            --queues->waiting[port];
        }
    }
    kws_model_emit(self, index, output);
    return true;
}

/* A layer of a graph that is no join: takes the row that came, if one did. */
static bool single_step(kws_model_t *self, const pass_t *pass, uint32_t index)
{
    const kws_model_layer_t *record = &self->config->layers[index];
    const int8_t *row = fresh_row(self, pass, index, 0u);
    const bool is_cut = record->op == KWS_MODEL_SLICE && !self->config->streaming &&
                        kws_model_state(self, index)->output_row >= record->output_height;
    if (row == NULL || is_cut) {
        return false; /* rows cut off the end of a window are none to padding below */
    }
    const bool needs_place = row == pass->frame /* whose alignment nobody promised */ ||
                             (!kws_model_sums_rows(record) && kws_model_has_ring(record));
    if (needs_place && row != kws_model_input_row(self, index)) {
        row = kws_model_place_row(self, index, row);
    }
    return kws_model_layer_step(self, index, row, output_row(self, index));
}

/* Any graph: one pass down the table from the layer that gets a row, with every layer that got one. */
bool kws_model_feed_graph(kws_model_t *self, uint32_t start, const int8_t *values)
{
    const uint32_t num_layers = self->config->num_layers;
    pass_t pass = {.fresh = 0u, .frame = values};
    for (uint32_t index = start; index < num_layers; ++index) {
        bool made;
        if (index == start && values == NULL) {
            made = kws_model_layer_step(self, index, kws_model_place_row(self, index, NULL),
                                        output_row(self, index));
        } else if (kws_model_is_join(&self->config->layers[index])) {
            made = join_step(self, &pass, index);
        } else {
            made = single_step(self, &pass, index);
        }
        pass.fresh |= (uint64_t)(made ? 1u : 0u) << index;
    }
    return ((pass.fresh >> (num_layers - 1u)) & 1u) != 0u;
}
