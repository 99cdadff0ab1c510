/* SPDX-License-Identifier: Apache-2.0 */
#include "kws_arena.h"

void kws_arena_init(kws_arena_t *self, void *base, uint32_t size_bytes)
{
    self->base = base;
    self->size_bytes = (base != NULL) ? size_bytes : UINT32_MAX;
    self->used_bytes = 0u;
}

void *kws_arena_take(kws_arena_t *self, uint32_t size_bytes)
{
    const uint32_t mask = (uint32_t)KWS_ARENA_ALIGNMENT - 1u;
    const uint32_t start = self->used_bytes;
    if (size_bytes > UINT32_MAX - mask || ((size_bytes + mask) & ~mask) > UINT32_MAX - start) {
        self->used_bytes = UINT32_MAX; /* saturate: fits() stays false from here on */
        return NULL;
    }
    self->used_bytes = start + ((size_bytes + mask) & ~mask);
    if (self->base == NULL || self->used_bytes > self->size_bytes) {
        return NULL;
    }
    return self->base + start;
}

int kws_arena_fits(const kws_arena_t *self)
{
    return self->used_bytes <= self->size_bytes && self->used_bytes != UINT32_MAX;
}
