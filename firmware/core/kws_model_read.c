/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the MODL section. It comes from outside: nothing in it is believed until it was checked here, and the
 * engine checks nothing again. */
#include <stddef.h>
#include <string.h>

#include "kws_model_layer.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the layer table and the weights are read in place: little-endian targets only"
#endif

enum {
    HEADER_BYTES = 32,
    MAX_KERNEL = 255,
    MAX_SPAN = 511, /* rows of a dilated kernel: rings of all layers together stay below 2^32 bytes */
    MAX_BIAS = (1 << 30) + 16383, /* and 65535 products of 2^14 stay inside 32 bits */
    TABLE_BYTES = 256,            /* of a lookup */
    SCRATCH_ALIGNMENT = 16,
    POINTER_BYTES = 8 /* of the widest target, so that the arena need is the same on all */
};

_Static_assert(sizeof(kws_model_layer_t) == 48, "the record in the bundle");
_Static_assert(offsetof(kws_model_layer_t, input_zero_point) == 24, "the record in the bundle");
_Static_assert(offsetof(kws_model_layer_t, weights_offset) == 28, "the record in the bundle");
_Static_assert(sizeof(kws_nn_channel_t) == 12, "the channel table in the bundle");

/* True when count items of item_bytes lie inside the section at an aligned offset behind the header. */
static bool inside(kws_span_t section, uint32_t offset, uint32_t size_bytes)
{
    return offset >= HEADER_BYTES && offset % SCRATCH_ALIGNMENT == 0u && offset <= section.size_bytes &&
           size_bytes <= section.size_bytes - offset;
}

/* One direction of a sliding kernel: does it give `output` positions over `input` cells? */
static bool slides(uint32_t input, uint32_t output, uint32_t kernel, uint32_t dilation, uint32_t stride,
                   uint32_t pad_before, uint32_t pad_after)
{
    const uint32_t padded = pad_before + input + pad_after;
    const uint32_t span = (kernel - 1u) * dilation + 1u;
    return input > 0u && input <= UINT16_MAX && kernel > 0u && kernel <= MAX_KERNEL && stride > 0u &&
           pad_before < span && pad_after < span && padded >= span && output == (padded - span) / stride + 1u;
}

/* Input rows of a window that a layer uses: a slice may leave some out at both ends. */
static uint32_t used_rows(const kws_model_layer_t *record)
{
    const uint32_t rows =
        (uint32_t)record->input_height - record->skip_rows; /* wraps: then it fits nothing */
    return (record->op == KWS_MODEL_SLICE && record->output_height < rows) ? record->output_height : rows;
}

static bool shapes_fit(const kws_model_layer_t *record)
{
    const uint64_t columns = (uint64_t)record->pad_left + record->input_width + record->pad_right;
    const uint64_t products = (uint64_t)record->kernel_height * record->kernel_width * record->input_channels;
    return record->input_channels > 0u && record->output_channels > 0u &&
           record->input_height <= KWS_MODEL_MAX_FRAMES &&
           columns * record->input_channels <= KWS_MODEL_MAX_ROW_BYTES &&
           products <= KWS_MODEL_MAX_ROW_BYTES &&
           (uint64_t)record->output_width * record->output_channels <= KWS_MODEL_MAX_ROW_BYTES &&
           record->output_min <= record->output_max &&
           (record->kernel_height - 1u) * kws_model_dilation(record) < MAX_SPAN &&
           slides(used_rows(record), record->output_height, record->kernel_height, kws_model_dilation(record),
                  record->stride_height, record->pad_top, record->pad_bottom) &&
           slides(record->input_width, record->output_width, record->kernel_width, 1u, record->stride_width,
                  record->pad_left, record->pad_right);
}

static bool unpadded(const kws_model_layer_t *record)
{
    return (record->pad_top | record->pad_bottom | record->pad_left | record->pad_right) == 0;
}

static bool has_unit_kernel(const kws_model_layer_t *record)
{
    return record->kernel_height == 1u && record->kernel_width == 1u && record->stride_height == 1u &&
           record->stride_width == 1u && unpadded(record);
}

/* Fields that only some operations have are zero in the others. */
static bool keeps_to_its_fields(const kws_model_layer_t *record)
{
    const bool slice = record->op == KWS_MODEL_SLICE;
    const bool join = kws_model_is_join(record);
    const bool slides_in_time = record->op <= KWS_MODEL_DEPTHWISE || record->op == KWS_MODEL_MAX_POOL;
    return (slice || (record->skip_rows == 0u && record->first_channel == 0u)) &&
           (join || (record->second_back == 0u && record->first_queue == 0u && record->second_queue == 0u)) &&
           (slides_in_time || record->dilation_height <= 1u);
}

static bool same_channels(const kws_model_layer_t *record)
{
    return record->input_channels == record->output_channels;
}

/* A stencil: where nobody stores the last column, it is padding of zero. */
static bool ends_in_zeros(const kws_model_layer_t *record)
{
    const uint32_t columns = (uint32_t)record->pad_left + record->input_width + record->pad_right;
    return kws_model_row_columns(record) >= columns ||
           (record->pad_right > 0u && kws_model_padding(record) == 0);
}

static kws_status_t check_operation(const kws_model_layer_t *record)
{
    bool fits;
    switch (record->op) {
    case KWS_MODEL_CONV: fits = true; break;
    case KWS_MODEL_POINTWISE: fits = has_unit_kernel(record); break;
    case KWS_MODEL_DEPTHWISE:
        fits = record->output_channels % record->input_channels == 0u &&
               (same_channels(record) || record->weight_layout == KWS_NN_LAYOUT_COMPACT) &&
               (!kws_model_reads_pairs(record) || ends_in_zeros(record));
        break;
    case KWS_MODEL_AVERAGE_POOL: fits = same_channels(record); break;
    case KWS_MODEL_MAX_POOL:
        fits = same_channels(record) && (unpadded(record) || record->input_zero_point == INT8_MIN);
        break;
    case KWS_MODEL_MEAN: fits = same_channels(record) && unpadded(record); break;
    case KWS_MODEL_ADD:
    case KWS_MODEL_LOOKUP: fits = same_channels(record) && has_unit_kernel(record); break;
    case KWS_MODEL_CONCAT:
        fits = record->output_channels > record->input_channels && has_unit_kernel(record);
        break;
    case KWS_MODEL_SLICE:
        fits = (uint32_t)record->first_channel + record->output_channels <= record->input_channels &&
               has_unit_kernel(record);
        break;
    case KWS_MODEL_DENSE:
        fits = record->kernel_height == record->input_height + record->pad_top && record->input_width == 1u &&
               (record->pad_bottom | record->pad_left | record->pad_right) == 0;
        break;
    case KWS_MODEL_SOFTMAX:
        fits = has_unit_kernel(record) && record->output_width == 1u && same_channels(record) &&
               record->output_channels <= KWS_MODEL_MAX_LABELS;
        break;
    default: return KWS_ERROR_UNSUPPORTED;
    }
    return (fits && keeps_to_its_fields(record)) ? KWS_OK : KWS_ERROR_BOUNDS;
}

/* Operations without trained weights. */
static bool is_weightless(const kws_model_layer_t *record)
{
    return record->op == KWS_MODEL_SOFTMAX || record->op == KWS_MODEL_MAX_POOL ||
           record->op == KWS_MODEL_SLICE || kws_model_sums_rows(record) || kws_model_is_join(record);
}

static kws_status_t check_weights(const kws_model_layer_t *record, kws_span_t section)
{
    if (is_weightless(record)) {
        return (record->weights_offset == 0u && record->weights_bytes == 0u) ? KWS_OK : KWS_ERROR_BOUNDS;
    }
    if (record->op == KWS_MODEL_LOOKUP) {
        const bool sized = record->weights_bytes == (uint32_t)TABLE_BYTES ||
                           record->weights_bytes == (uint32_t)TABLE_BYTES * record->output_channels;
        return (sized && inside(section, record->weights_offset, record->weights_bytes)) ? KWS_OK
                                                                                         : KWS_ERROR_BOUNDS;
    }
    const kws_nn_layer_t layer = kws_model_kernel_view(section.data, record);
    const bool depthwise = record->op == KWS_MODEL_DEPTHWISE;
    /* No product of these can exceed 32 bits: shapes_fit bounds one accumulator, this the number of them. */
    const uint32_t needed = depthwise ? kws_nn_depthwise_weights_bytes(&layer) : kws_nn_weights_bytes(&layer);
    if (needed == 0u) {
        return KWS_ERROR_UNSUPPORTED;
    }
    return (record->weights_bytes == needed && inside(section, record->weights_offset, needed))
               ? KWS_OK
               : KWS_ERROR_BOUNDS;
}

static bool is_multiplier(int32_t multiplier)
{
    return multiplier == 0 || multiplier >= (1 << 30);
}

static bool softmax_fits(const kws_nn_channel_t *scaling)
{
    const int64_t lowest = (scaling->bias < -255) ? -255 : scaling->bias; /* no difference of int8 is lower */
    return scaling->bias <= 0 && is_multiplier(scaling->multiplier) && scaling->shift >= 0 &&
           scaling->shift <= 30 && lowest * ((int64_t)1 << scaling->shift) >= INT32_MIN;
}

static bool channels_fit(const kws_nn_channel_t *channels, uint32_t num_channels)
{
    for (uint32_t i = 0u; i < num_channels; ++i) {
        const kws_nn_channel_t *channel = &channels[i];
        if (channel->bias < -MAX_BIAS || channel->bias > MAX_BIAS || !is_multiplier(channel->multiplier) ||
            channel->shift < -31 || channel->shift > 30) {
            return false;
        }
    }
    return true;
}

static bool has_no_channels(const kws_model_layer_t *record)
{
    return record->op == KWS_MODEL_AVERAGE_POOL || record->op == KWS_MODEL_MAX_POOL ||
           record->op == KWS_MODEL_CONCAT || record->op == KWS_MODEL_LOOKUP || record->op == KWS_MODEL_SLICE;
}

/* Entries of the channel table. */
static uint32_t num_channel_entries(const kws_model_layer_t *record)
{
    switch (record->op) {
    case KWS_MODEL_SOFTMAX:
    case KWS_MODEL_MEAN: return 1u;
    case KWS_MODEL_ADD: return 3u;
    default: return record->output_channels;
    }
}

/* What is added to an int8 and then shifted by 20 bits, and scaled down: nothing overflows, not even the sum. */
static bool add_fits(const kws_nn_channel_t *channels)
{
    bool fits = channels_fit(channels, 3u) && channels[2].bias == 0;
    for (uint32_t i = 0u; i < 2u; ++i) {
        fits = fits && channels[i].bias >= -127 && channels[i].bias <= 128 && channels[i].shift <= 0;
    }
    return fits;
}

/* A mean's multiplier is divided by the number of cells, so it may be any. */
static bool mean_fits(const kws_nn_channel_t *channel)
{
    return channel->bias >= -MAX_BIAS && channel->bias <= MAX_BIAS && channel->multiplier >= 0 &&
           channel->shift >= -31 && channel->shift <= 30;
}

static bool entries_fit(const kws_model_layer_t *record, const kws_nn_channel_t *channels)
{
    switch (record->op) {
    case KWS_MODEL_SOFTMAX: return softmax_fits(channels);
    case KWS_MODEL_ADD: return add_fits(channels);
    case KWS_MODEL_MEAN: return mean_fits(channels);
    default: return channels_fit(channels, num_channel_entries(record));
    }
}

/* Packed layouts may do without a channel table. Two must: a stencil never reads one, and a dense layer rounds in
 * another way than the kernel of its layout would. */
static kws_status_t check_channels(const kws_model_layer_t *record, kws_span_t section)
{
    const bool packed = record->weights_bytes > 0u && record->weight_layout != KWS_NN_LAYOUT_COMPACT;
    if (has_no_channels(record) || (packed && record->channels_offset == 0u)) {
        return (record->channels_offset == 0u) ? KWS_OK : KWS_ERROR_BOUNDS;
    }
    if (packed && (record->op == KWS_MODEL_DENSE || record->weight_layout == KWS_NN_LAYOUT_STENCIL)) {
        return KWS_ERROR_UNSUPPORTED;
    }
    const uint32_t size_bytes = num_channel_entries(record) * (uint32_t)sizeof(kws_nn_channel_t);
    if (!inside(section, record->channels_offset, size_bytes)) {
        return KWS_ERROR_BOUNDS;
    }
    const kws_nn_channel_t *channels =
        (const kws_nn_channel_t *)(const void *)(section.data + record->channels_offset);
    return entries_fit(record, channels) ? KWS_OK : KWS_ERROR_BOUNDS;
}

/* Streaming needs a chain that never waits for padding: rows above the first are what the rings hold after a reset,
 * rows below the newest do not exist. */
static bool streams(const kws_model_layer_t *record)
{
    return record->pad_bottom == 0u && (record->pad_top == 0u || record->op != KWS_MODEL_AVERAGE_POOL);
}

static kws_status_t check_layer(const kws_model_config_t *self, const kws_model_layer_t *record,
                                kws_span_t section)
{
    if (!shapes_fit(record) || (self->streaming && !streams(record))) {
        return KWS_ERROR_BOUNDS;
    }
    kws_status_t status = check_operation(record);
    if (status == KWS_OK) {
        status = check_weights(record, section);
    }
    if (status == KWS_OK) {
        status = check_channels(record, section);
    }
    return status;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return (a > b) ? a : b;
}

static uint32_t align(uint32_t size_bytes)
{
    return (size_bytes + SCRATCH_ALIGNMENT - 1u) & ~(SCRATCH_ALIGNMENT - 1u);
}

static bool has_kernel_scratch(const kws_model_layer_t *record)
{
    return !is_weightless(record) && record->op != KWS_MODEL_LOOKUP;
}

/* Bytes of an input row of a layer, where it lies in scratch, if only until it is laid into a ring; 0: it does not. */
static uint32_t scratch_row_bytes(const kws_model_layer_t *record)
{
    if (kws_model_is_join(record)) {
        return larger(kws_model_queue_row_bytes(record, 0u), kws_model_queue_row_bytes(record, 1u));
    }
    const bool in_scratch = kws_model_sums_rows(record) || kws_model_ring_rows(record) == 0u;
    return in_scratch ? kws_model_row_bytes(record)
                      : (kws_model_reads_pairs(record) ? kws_model_input_values(record) : 0u);
}

static void measure_scratch(kws_model_config_t *self)
{
    uint32_t tallest = 1u;
    uint32_t kernel_bytes = 0u;
    for (uint32_t i = 0u; i < self->num_layers; ++i) {
        const kws_model_layer_t *record = &self->layers[i];
        const kws_nn_layer_t layer = kws_model_kernel_view(self->section, record);
        if (has_kernel_scratch(record)) {
            kernel_bytes = larger(kernel_bytes, kws_nn_scratch_bytes(&layer));
        }
        const uint32_t row_bytes = scratch_row_bytes(record);
        self->row_bytes[i % 2u] = larger(self->row_bytes[i % 2u], align(row_bytes));
        tallest = larger(tallest, kws_model_sums_rows(record) ? 1u : record->kernel_height);
    }
    const uint32_t last = self->num_layers % 2u;
    self->row_bytes[last] = larger(self->row_bytes[last], align(self->num_labels));
    self->taps_bytes = align(tallest * POINTER_BYTES);
    self->scratch_bytes = self->row_bytes[0] + self->row_bytes[1] + self->taps_bytes + align(kernel_bytes);
}

static kws_status_t read_header(kws_model_config_t *self, kws_span_t section)
{
    if (section.data == NULL) {
        return KWS_ERROR_MISSING;
    }
    if ((uintptr_t)section.data % KWS_BUNDLE_ALIGNMENT != 0u) {
        return KWS_ERROR_ALIGNMENT;
    }
    if (section.size_bytes < HEADER_BYTES) {
        return KWS_ERROR_BOUNDS;
    }
    const uint32_t flags = kws_read_u16(section.data + 2);
    self->num_layers = kws_read_u16(section.data);
    self->streaming = (flags & KWS_MODEL_STREAMING) != 0u;
    self->num_features = kws_read_u16(section.data + 4);
    self->num_labels = kws_read_u16(section.data + 6);
    self->window_frames = kws_read_u16(section.data + 8);
    self->decision_frames = kws_read_u16(section.data + 10);
    self->section = section.data;
    self->layers = (const kws_model_layer_t *)(const void *)(section.data + HEADER_BYTES);
    uint32_t reserved = flags & ~(uint32_t)KWS_MODEL_STREAMING;
    for (uint32_t i = 12u; i < HEADER_BYTES; ++i) {
        reserved |= section.data[i];
    }
    const bool fits = reserved == 0u && self->num_layers > 0u && self->num_layers <= KWS_MODEL_MAX_LAYERS &&
                      self->num_labels > 0u && self->window_frames > 0u && self->decision_frames > 0u &&
                      inside(section, HEADER_BYTES, self->num_layers * (uint32_t)sizeof(kws_model_layer_t));
    return fits ? KWS_OK : KWS_ERROR_BOUNDS;
}

kws_status_t kws_model_read(kws_model_config_t *self, kws_span_t section)
{
    memset(self, 0, sizeof *self);
    kws_status_t status = read_header(self, section);
    for (uint32_t i = 0u; status == KWS_OK && i < self->num_layers; ++i) {
        status = check_layer(self, &self->layers[i], section);
    }
    if (status != KWS_OK) {
        return status;
    }
    if (!kws_model_graph_fits(self)) {
        return KWS_ERROR_BOUNDS;
    }
    measure_scratch(self);
    return KWS_OK;
}

uint32_t kws_model_scratch_bytes(const kws_model_config_t *config)
{
    return config->scratch_bytes;
}
