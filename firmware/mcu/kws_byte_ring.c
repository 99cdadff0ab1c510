/* SPDX-License-Identifier: Apache-2.0 */
#include "kws_byte_ring.h"

#include <stdatomic.h>

uint32_t kws_byte_ring_available(const kws_byte_ring_t *self)
{
    return self->written - self->read;
}

uint32_t kws_byte_ring_room(const kws_byte_ring_t *self)
{
    return self->capacity_bytes - (self->written - self->read);
}

uint32_t kws_byte_ring_write(kws_byte_ring_t *self, const uint8_t *bytes, uint32_t num_bytes)
{
    const uint32_t mask = self->capacity_bytes - 1u;
    const uint32_t room = kws_byte_ring_room(self);
    const uint32_t count = num_bytes < room ? num_bytes : room;
    const uint32_t start = self->written;
    for (uint32_t i = 0; i < count; ++i) {
        self->bytes[(start + i) & mask] = bytes[i];
    }
    atomic_signal_fence(
        memory_order_release); /* publish after the bytes, so the consumer never sees a hole */
    self->written = start + count;
    return count;
}

uint32_t kws_byte_ring_read(kws_byte_ring_t *self, uint8_t *bytes, uint32_t max_bytes)
{
    const uint32_t mask = self->capacity_bytes - 1u;
    const uint32_t available = kws_byte_ring_available(self);
    const uint32_t count = max_bytes < available ? max_bytes : available;
    const uint32_t start = self->read;
    atomic_signal_fence(memory_order_acquire);
    for (uint32_t i = 0; i < count; ++i) {
        bytes[i] = self->bytes[(start + i) & mask];
    }
    atomic_signal_fence(memory_order_release); /* give the room back after the last byte is taken */
    self->read = start + count;
    return count;
}
