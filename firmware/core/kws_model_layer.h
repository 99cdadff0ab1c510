/* Inside stage 3: what the reader and the engine both derive from a layer record. Not part of the public API. */
#ifndef KWS_MODEL_LAYER_H
#define KWS_MODEL_LAYER_H

#include "kws_model.h"
#include "nn/nn.h"

/* The record as the kernels see it. */
kws_nn_layer_t kws_model_kernel_view(const uint8_t *section, const kws_model_layer_t *record);

/* Rows kept in the layer's ring: those under the kernel before the newest one, which lies in scratch. None for
 * average pools whose windows do not overlap: nothing ever leaves their running sums. */
uint32_t kws_model_ring_rows(const kws_model_layer_t *record, bool streaming);

/* Bytes of an input row with its padding columns, a multiple of 4. */
uint32_t kws_model_row_bytes(const kws_model_layer_t *record);

/* Bytes from one row to the next in the ring: input rows, or for average pools sums of columns, which are as small
 * as the input when there is but one column to sum. */
uint32_t kws_model_ring_row_bytes(const kws_model_layer_t *record);

/* Values in an output row. */
uint32_t kws_model_output_values(const kws_model_layer_t *record);

#endif
