/* SPDX-License-Identifier: Apache-2.0 */
/* The one block of memory the caller gives: a bump allocator without free.
 *
 * Every stage's `init` takes what it needs; an arena with base == NULL only counts, so the same code that
 * takes memory also says how much it will take (kws_pipeline_arena_bytes). */
#ifndef KWS_ARENA_H
#define KWS_ARENA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    KWS_ARENA_ALIGNMENT = 16
};

typedef struct {
    uint8_t *base;       /* aligned to KWS_ARENA_ALIGNMENT, or NULL to count only */
    uint32_t size_bytes; /* capacity; ignored when base is NULL */
    uint32_t used_bytes; /* high-water mark; a multiple of KWS_ARENA_ALIGNMENT */
} kws_arena_t;

void kws_arena_init(kws_arena_t *self, void *base, uint32_t size_bytes);

/* size_bytes rounded up to the alignment. NULL when it does not fit, and always NULL when counting:
 * callers check kws_arena_fits after their last take. */
void *kws_arena_take(kws_arena_t *self, uint32_t size_bytes);

/* True when everything taken so far lay inside the arena (always true when counting). */
int kws_arena_fits(const kws_arena_t *self);

#ifdef __cplusplus
}
#endif

#endif
