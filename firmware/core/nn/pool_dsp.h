/* The Armv7E-M version of kws_nn_pool_row for the usual rows: pool.c calls it and does all others itself. */
#ifndef KWS_NN_POOL_DSP_H
#define KWS_NN_POOL_DSP_H

#include "nn.h"

/* As kws_nn_pool_row. False when the row does not suit it: then nothing has been done. */
bool kws_nn_pool_row_in_fours(const kws_nn_layer_t *layer, uint32_t pad_left, const int8_t *input,
                              int32_t *sums, void *kept);

#endif
