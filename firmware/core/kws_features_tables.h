/* SPDX-License-Identifier: Apache-2.0 */
/* Inside stage 2: the walk over the tables of a FEAT section, for both kinds of front end, and their sizes. Not part of the public API. */
#ifndef KWS_FEATURES_TABLES_H
#define KWS_FEATURES_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kws_features.h"

#ifdef __cplusplus
extern "C" {
#endif

/* `failed` once a table does not fit. */
typedef struct {
    const uint8_t *next;
    uint32_t left_bytes;
    bool failed;
} kws_features_tables_t;

static inline const void *kws_features_take_table(kws_features_tables_t *self, uint32_t num_values,
                                                  uint32_t value_bytes)
{
    const uint32_t bytes = (num_values * value_bytes + 3u) & ~3u; /* at most 2^17 values: no overflow */
    if (self->failed || bytes > self->left_bytes) {
        self->failed = true;
        return NULL;
    }
    const void *table = self->next;
    self->next += bytes;
    self->left_bytes -= bytes;
    return table;
}

/* A twiddle longer than 1 would let a product outgrow its 32 bits. */
static inline bool kws_features_twiddles_are_short(const int16_t *twiddles_q15, uint32_t num_values)
{
    for (uint32_t i = 0u; i < num_values; i += 2u) {
        const int32_t cosine = twiddles_q15[i], sine = twiddles_q15[i + 1u];
        if ((uint32_t)(cosine * cosine) + (uint32_t)(sine * sine) > 1u << 30) {
            return false;
        }
    }
    return true;
}

/* Logs in a row of the projection: the DCT reads them in pairs. */
static inline uint32_t kws_features_row_length(const kws_features_config_t *self)
{
    return (self->projection == KWS_PROJECTION_DCT) ? (self->num_mel_bands + 1u) & ~1u : 1u;
}

static inline uint8_t kws_features_log2(uint32_t power_of_two)
{
    uint8_t result = 0u;
    while (power_of_two > 1u) {
        power_of_two >>= 1;
        ++result;
    }
    return result;
}

#ifdef __cplusplus
}
#endif

#endif
