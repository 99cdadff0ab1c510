/* SPDX-License-Identifier: Apache-2.0 */
#include "kws_outbox.h"

#include <stddef.h>

enum {
    RECORD_HEADER_BYTES = 2
};

uint32_t kws_outbox_record_bytes(uint32_t payload_bytes)
{
    return RECORD_HEADER_BYTES + payload_bytes;
}

void kws_outbox_init(kws_outbox_t *self, uint8_t *bytes, uint32_t capacity_bytes)
{
    self->bytes = bytes;
    self->capacity_bytes = capacity_bytes;
    kws_outbox_clear(self);
}

void kws_outbox_clear(kws_outbox_t *self)
{
    self->written = 0u;
    self->unsent = 0u;
    self->freed = 0u;
    self->next_number = 0u;
    self->unsent_number = 0u;
    self->oldest_number = 0u;
}

uint32_t kws_outbox_room(const kws_outbox_t *self)
{
    return self->capacity_bytes - (self->written - self->freed);
}

static uint8_t byte_at(const kws_outbox_t *self, uint32_t position)
{
    return self->bytes[position & (self->capacity_bytes - 1u)];
}

static uint32_t record_end(const kws_outbox_t *self, uint32_t position)
{
    return position + RECORD_HEADER_BYTES + byte_at(self, position + 1u);
}

void kws_outbox_append(kws_outbox_t *self, const void *data, uint32_t num_bytes)
{
    const uint8_t *bytes = data;
    for (uint32_t i = 0; i < num_bytes; ++i) {
        self->bytes[self->written++ & (self->capacity_bytes - 1u)] = bytes[i];
    }
}

void kws_outbox_begin(kws_outbox_t *self, uint8_t type, uint32_t payload_bytes)
{
    const uint8_t header[RECORD_HEADER_BYTES] = {type, (uint8_t)payload_bytes};
    kws_outbox_append(self, header, RECORD_HEADER_BYTES);
    ++self->next_number;
}

void kws_outbox_acknowledge(kws_outbox_t *self, uint16_t number)
{
    const uint16_t count = (uint16_t)(number - self->oldest_number);
    if (count > (uint16_t)(self->next_number - self->oldest_number)) {
        return;
    }
    for (uint16_t i = 0; i < count; ++i) {
        if (self->unsent == self->freed) { /* due to be sent again, and the host has it after all */
            self->unsent = record_end(self, self->freed);
            ++self->unsent_number;
        }
        self->freed = record_end(self, self->freed);
    }
    self->oldest_number = number;
}

void kws_outbox_forget_sent(kws_outbox_t *self)
{
    self->freed = self->unsent;
    self->oldest_number = self->unsent_number;
}

void kws_outbox_rewind(kws_outbox_t *self)
{
    self->unsent = self->freed;
    self->unsent_number = self->oldest_number;
}

int32_t kws_outbox_next(kws_outbox_t *self, uint8_t *type, uint16_t *number, uint8_t *payload)
{
    if (self->unsent == self->written) {
        return -1;
    }
    const uint32_t payload_bytes = byte_at(self, self->unsent + 1u);
    *type = byte_at(self, self->unsent);
    *number = self->unsent_number++;
    for (uint32_t i = 0; i < payload_bytes; ++i) {
        payload[i] = byte_at(self, self->unsent + RECORD_HEADER_BYTES + i);
    }
    self->unsent = record_end(self, self->unsent);
    return (int32_t)payload_bytes;
}
