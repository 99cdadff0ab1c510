/* SPDX-License-Identifier: Apache-2.0 */
/* Stage 3 of 5: int8 feature frames -> posteriors, over the layer table of the bundle.
 *
 * One engine, rows in, rows out. A row is one time step (width x channels int8). Every layer keeps a ring of the
 * input rows its kernel spans, and emits an output row as soon as the kernel is covered and the stride says so; that
 * row goes straight into the ring of the next layer, so a frame flows depth first down the whole chain. Layers whose
 * kernel spans one row need no ring: their row lives in one of two places in scratch, used in turns.
 *   graphs            A layer may read any layer before it, and joins (add, concatenate) read two. The table is in
 *                     order of execution, so one pass down it takes a row wherever it goes. A layer that not only the
 *                     next one reads keeps its newest row; rows that come to a join before their partners wait there.
 *   streaming models  (in time padded above or not at all): each frame computes only new rows; the average pool is a
 *                     running sum. Padding above is what the rings hold after a reset.
 *                     A decision every product of the time strides, once the rings are full.
 *   window models     (any padding, e.g. SAME): the last window_frames frames are run through the same engine from
 *                     a clean state every decision_frames frames. Windows that do not overlap (decision_frames >=
 *                     window_frames) keep no frames: each is run as its rows come.
 *   separable layers  A depthwise 3 x 3 layer (KWS_NN_LAYOUT_STENCIL) keeps channel pairs (nn.h) in its ring instead of
 *                     rows; in a chain it takes its step together with the pointwise layer behind it.
 *
 * The MODL section (offsets relative to its start; everything little-endian):
 *
 *   offset  size  field
 *        0     2  num_layers        (1 .. KWS_MODEL_MAX_LAYERS)
 *        2     2  flags             (bit 0: streaming; others zero)
 *        4     2  num_features      (values per input frame = input_width * input_channels of layer 0)
 *        6     2  num_labels        (1 .. 65535 = output_width * output_channels of the last layer)
 *        8     2  window_frames     (frames one decision sees: input_height of layer 0, or, streaming, more: what lies
 *                                    in the padding above then is the past, and a decision may come before it is full)
 *       10     2  decision_frames   (streaming: the product of the layers' stride_height)
 *       12    20  reserved, zero
 *       32  48*n  layer table: kws_model_layer_t, in order of execution
 *      ...   ...  weights and channel tables, each at a multiple of 16
 *
 * Shapes are those of one window: height is time. Where the kernel covers the whole window the writer sets
 * stride_height 1, so that a streaming model emits there at every row. Unless a record says otherwise, the output of a
 * layer is the input of the next one; only width and channels may be regrouped in between (a flattened row), never
 * time. The last layer is the output of the model, and no other layer reads it. */
#ifndef KWS_MODEL_H
#define KWS_MODEL_H

#include <stdbool.h>

#include "kws_arena.h"
#include "kws_bundle.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    KWS_MODEL_MAX_LAYERS = 64,
    KWS_MODEL_MAX_LABELS = 255,     /* of a softmax */
    KWS_MODEL_MAX_FRAMES = 4096,    /* window_frames, and every layer's height */
    KWS_MODEL_MAX_ROW_BYTES = 65535 /* one padded row; also the number of products in one accumulator */
};

enum {
    KWS_MODEL_STREAMING = 1
}; /* flags */

typedef enum {
    KWS_MODEL_CONV = 0,
    KWS_MODEL_POINTWISE = 1, /* 1 x 1 kernel, stride 1 */
    KWS_MODEL_DEPTHWISE = 2, /* output_channels: a multiple of input_channels, output channel c reads channel
                                   c / (output_channels / input_channels) */
    KWS_MODEL_AVERAGE_POOL = 3, /* no weights, no channel table */
    KWS_MODEL_DENSE = 4,        /* the kernel covers the whole input, which has one column */
    KWS_MODEL_SOFTMAX = 5,      /* one entry in the channel table, see kws_nn_softmax; no weights */
    KWS_MODEL_MAX_POOL = 6, /* no weights, no channel table; padding holds input_zero_point, which is -128 */
    KWS_MODEL_MEAN = 7,   /* like an average pool without padding, rounded as TFLite's MEAN: sum, then the one
                                   entry of the channel table as in a convolution; no weights */
    KWS_MODEL_ADD = 8,    /* join of equal shapes; three entries in the channel table, see kws_nn_add_row */
    KWS_MODEL_CONCAT = 9, /* join: channels of the first input, then of the second; no weights, no table */
    KWS_MODEL_LOOKUP = 10, /* any function of one value: 256 weights, or 256 per channel, at value + 128 */
    KWS_MODEL_SLICE = 11   /* channels from first_channel on, without the first skip_rows rows; no weights */
} kws_model_op_t;

/* One record of the layer table, as it lies in the bundle. */
typedef struct {
    uint8_t op;            /* kws_model_op_t */
    uint8_t weight_layout; /* kws_nn_layout_t: 0 = compact, as in TFLite */
    uint8_t stride_height;
    uint8_t stride_width;
    uint8_t pad_top; /* each smaller than the kernel */
    uint8_t pad_bottom;
    uint8_t pad_left;
    uint8_t pad_right;
    uint16_t input_height; /* without padding */
    uint16_t input_width;
    uint16_t input_channels;
    uint16_t output_height;
    uint16_t output_width;
    uint16_t output_channels;
    uint16_t kernel_height;  /* 1 .. 255 */
    uint16_t kernel_width;   /* 1 .. 255 */
    int8_t input_zero_point; /* fills the padding; folded into the biases by the writer of the bundle */
    int8_t output_zero_point;
    int8_t output_min; /* fused activation: clamp bounds, inclusive */
    int8_t output_max;
    uint32_t weights_offset; /* zero when there are no weights */
    uint32_t weights_bytes;
    uint32_t channels_offset; /* kws_nn_channel_t x output_channels; zero when there is no table */
    uint8_t
        first_back; /* input: the output of the layer this many before; 0 = 1; its index + 1: the frames */
    uint8_t second_back; /* second input of a join, in the same way; 0 elsewhere */
    uint8_t
        first_queue; /* joins: rows that wait for their partner, the newest included; 0: none ever waits */
    uint8_t second_queue;
    uint8_t dilation_height; /* time steps from one row of the kernel to the next; 0 = 1 */
    uint8_t skip_rows;       /* slice */
    uint16_t first_channel;  /* slice */
} kws_model_layer_t;

/* Parsed and checked MODL section. */
typedef struct {
    uint16_t num_features;    /* values per input frame */
    uint16_t num_labels;      /* output size */
    uint16_t window_frames;   /* frames one decision sees */
    uint16_t decision_frames; /* frames between decisions */
    bool streaming;
    bool is_chain; /* every layer reads the one before it and nothing else */
    uint16_t num_layers;
    uint64_t shared; /* bit per layer: others than the next one read it, so it keeps its newest row */
    const kws_model_layer_t *layers; /* in the bundle */
    const uint8_t *section;
    uint32_t row_bytes[2];  /* scratch: input rows of layers without a ring, even and odd ones */
    uint32_t taps_bytes;    /* scratch: row pointers of the tallest kernel, 8 bytes each on every target */
    uint32_t scratch_bytes; /* all of it, with what the kernels need */
} kws_model_config_t;

/* What one layer carries from row to row. */
typedef struct {
    uint32_t
        ring_offset; /* in kws_model_t.memory: input rows, column sums of the rows under a pool, or queues */
    uint32_t
        sums_offset; /* average pool and mean: int32 running sums; behind them the newest output, if shared */
    uint16_t next_slot; /* of the ring: where the next row goes, which is also the oldest row */
    uint16_t rows_until_output;
    uint16_t output_row; /* emitted since the start of the window */
    uint16_t row_words;  /* 32-bit words of a row in the ring; 0: there is no ring of rows */
} kws_model_layer_state_t;

/* Told about every row a layer emits: how host tests see all tensors. num_values = output width x channels. */
typedef void kws_model_on_row_t(void *user, uint32_t layer, const int8_t *row, uint32_t num_values);

typedef struct {
    const kws_model_config_t *config;
    uint8_t *memory; /* in the arena: layer states, rings, running sums, the frames of a window model */
    uint8_t *scratch;
    kws_model_on_row_t *on_row; /* NULL after init; set it to watch */
    void *on_row_user;
    uint32_t frames_offset;         /* window models: ring of window_frames frames, in memory */
    uint16_t next_frame;            /* window models: where the next frame goes, which is also the oldest */
    uint16_t frames_until_decision; /* window models */
    bool decided;                   /* windows that do not overlap: this one has given its output */
} kws_model_t;

kws_status_t kws_model_read(kws_model_config_t *self, kws_span_t section);
uint32_t kws_model_scratch_bytes(const kws_model_config_t *config);

/* scratch: kws_model_scratch_bytes, aligned to 16; its contents do not outlive a step. With a counting arena
 * nothing but the arena is touched. */
kws_status_t kws_model_init(kws_model_t *self, const kws_model_config_t *config, kws_arena_t *arena,
                            void *scratch);
void kws_model_reset(kws_model_t *self);

/* One frame of num_features values. posteriors: num_labels values, 0..255 (the int8 output + 128); written only
 * when it returns true: a decision was made. */
bool kws_model_step(kws_model_t *self, const int8_t *features, uint8_t *posteriors);

#ifdef __cplusplus
}
#endif

#endif
