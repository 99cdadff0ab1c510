/* Inside stage 3: what the reader and the engine both derive from a layer record. Not part of the public API. */
#ifndef KWS_MODEL_LAYER_H
#define KWS_MODEL_LAYER_H

#include "kws_model.h"
#include "nn/nn.h"

/* The record as the kernels see it. */
kws_nn_layer_t kws_model_kernel_view(const uint8_t *section, const kws_model_layer_t *record);

/* True when input rows must be kept or carry padding columns; else the layer reads its one row from scratch. */
bool kws_model_uses_ring(const kws_model_layer_t *record);

/* True for average pools whose windows overlap: rows that leave must be subtracted again. */
bool kws_model_pool_uses_ring(const kws_model_layer_t *record, bool streaming);

/* Bytes from one input row to the next in the ring: padding columns included, a multiple of 4. */
uint32_t kws_model_row_bytes(const kws_model_layer_t *record);

/* Values in an output row. */
uint32_t kws_model_output_values(const kws_model_layer_t *record);

#endif
