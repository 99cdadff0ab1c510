/* SPDX-License-Identifier: Apache-2.0 */
#include "kws_bundle.h"

#include <stdbool.h>
#include <string.h>

enum {
    OFFSET_MAGIC = 0,
    OFFSET_VERSION_MAJOR = 4,
    OFFSET_VERSION_MINOR = 6,
    OFFSET_TOTAL_BYTES = 8,
    OFFSET_CRC = 12,
    OFFSET_CHECKED = 16, /* the CRC covers everything from here on */
    OFFSET_NUM_SECTIONS = 16
};

uint16_t kws_read_u16(const uint8_t *data)
{
    return (uint16_t)(data[0] | (data[1] << 8));
}

uint32_t kws_read_u32(const uint8_t *data)
{
    return (uint32_t)kws_read_u16(data) | ((uint32_t)kws_read_u16(data + 2) << 16);
}

uint32_t kws_crc32(uint32_t crc, const void *data, size_t size_bytes)
{
    /* crc of the 16 possible low nibbles: a tenth of the usual table, half its speed */
    static const uint32_t table[16] = {0x00000000u, 0x1DB71064u, 0x3B6E20C8u, 0x26D930ACu,
                                       0x76DC4190u, 0x6B6B51F4u, 0x4DB26158u, 0x5005713Cu,
                                       0xEDB88320u, 0xF00F9344u, 0xD6D6A3E8u, 0xCB61B38Cu,
                                       0x9B64C2B0u, 0x86D3D2D4u, 0xA00AE278u, 0xBDBDF21Cu};
    const uint8_t *bytes = data;
    crc = ~crc;
    for (size_t i = 0u; i < size_bytes; ++i) {
        crc ^= bytes[i];
        crc = (crc >> 4) ^ table[crc & 15u];
        crc = (crc >> 4) ^ table[crc & 15u];
    }
    return ~crc;
}

static kws_status_t check_header(const uint8_t *file, size_t size_bytes)
{
    if (size_bytes < KWS_BUNDLE_HEADER_BYTES) {
        return KWS_ERROR_TRUNCATED;
    }
    if (memcmp(file + OFFSET_MAGIC, "KWSB", 4) != 0) {
        return KWS_ERROR_MAGIC;
    }
    if (kws_read_u16(file + OFFSET_VERSION_MAJOR) != KWS_BUNDLE_VERSION_MAJOR) {
        return KWS_ERROR_VERSION;
    }
    const uint32_t total_bytes = kws_read_u32(file + OFFSET_TOTAL_BYTES);
    if (total_bytes > size_bytes) {
        return KWS_ERROR_TRUNCATED;
    }
    if (total_bytes < KWS_BUNDLE_HEADER_BYTES || total_bytes % KWS_BUNDLE_ALIGNMENT != 0u) {
        return KWS_ERROR_BOUNDS;
    }
    if (kws_crc32(0u, file + OFFSET_CHECKED, total_bytes - OFFSET_CHECKED) !=
        kws_read_u32(file + OFFSET_CRC)) {
        return KWS_ERROR_CRC;
    }
    return KWS_OK;
}

/* Where a section of this type is kept, or NULL: metadata and sections of newer minor versions are skipped. */
static kws_span_t *place_of(kws_bundle_t *self, const uint8_t *type)
{
    const struct {
        char type[5];
        kws_span_t *span;
    } places[] = {{"FEAT", &self->features},
                  {"MODL", &self->model},
                  {"LABL", &self->labels},
                  {"DECN", &self->decision},
                  {"GATE", &self->gate}};
    for (size_t i = 0u; i < sizeof places / sizeof places[0]; ++i) {
        if (memcmp(type, places[i].type, 4) == 0) {
            return places[i].span;
        }
    }
    return NULL;
}

/* True when entry and other, both inside the file, share a byte. */
static bool overlap(const uint8_t *entry, const uint8_t *other)
{
    const uint32_t start = kws_read_u32(entry + 4);
    const uint32_t other_start = kws_read_u32(other + 4);
    return start < other_start + kws_read_u32(other + 8) && other_start < start + kws_read_u32(entry + 8);
}

static kws_status_t read_section(kws_bundle_t *self, const uint8_t *file, uint32_t num_sections,
                                 uint32_t index)
{
    const uint8_t *table = file + KWS_BUNDLE_HEADER_BYTES;
    const uint32_t first_free = KWS_BUNDLE_HEADER_BYTES + num_sections * KWS_BUNDLE_SECTION_ENTRY_BYTES;
    const uint8_t *entry = table + index * KWS_BUNDLE_SECTION_ENTRY_BYTES;
    const uint32_t offset = kws_read_u32(entry + 4);
    const uint32_t size = kws_read_u32(entry + 8);
    if (offset % KWS_BUNDLE_ALIGNMENT != 0u || offset > self->total_bytes ||
        size > self->total_bytes - offset || offset < first_free) {
        return KWS_ERROR_BOUNDS;
    }
    for (uint32_t before = 0u; before < index; ++before) {
        const uint8_t *other = table + before * KWS_BUNDLE_SECTION_ENTRY_BYTES;
        if (overlap(entry, other) || memcmp(entry, other, 4) == 0) {
            return KWS_ERROR_BOUNDS; /* or the same section twice */
        }
    }
    kws_span_t *place = place_of(self, entry);
    if (place != NULL) {
        place->data = file + offset;
        place->size_bytes = size;
    }
    return KWS_OK;
}

kws_status_t kws_bundle_open(kws_bundle_t *self, const void *data, size_t size_bytes)
{
    memset(self, 0, sizeof *self);
    if (data == NULL) {
        return KWS_ERROR_ARGUMENT;
    }
    if ((uintptr_t)data % KWS_BUNDLE_ALIGNMENT != 0u) {
        return KWS_ERROR_ALIGNMENT;
    }
    const uint8_t *file = data;
    kws_status_t status = check_header(file, size_bytes);
    if (status != KWS_OK) {
        return status;
    }
    self->total_bytes = kws_read_u32(file + OFFSET_TOTAL_BYTES);
    self->crc32 = kws_read_u32(file + OFFSET_CRC);
    self->version_minor = kws_read_u16(file + OFFSET_VERSION_MINOR);
    const uint32_t num_sections = kws_read_u32(file + OFFSET_NUM_SECTIONS);
    const uint32_t room = (self->total_bytes - KWS_BUNDLE_HEADER_BYTES) / KWS_BUNDLE_SECTION_ENTRY_BYTES;
    if (num_sections == 0u || num_sections > KWS_BUNDLE_MAX_SECTIONS || num_sections > room) {
        return KWS_ERROR_BOUNDS;
    }
    for (uint32_t index = 0u; index < num_sections && status == KWS_OK; ++index) {
        status = read_section(self, file, num_sections, index);
    }
    return status;
}

int32_t kws_bundle_num_labels(const kws_bundle_t *self)
{
    const kws_span_t section = self->labels;
    if (section.data == NULL) {
        return KWS_ERROR_MISSING;
    }
    if (section.size_bytes < 4u) {
        return KWS_ERROR_BOUNDS;
    }
    const uint32_t count = kws_read_u16(section.data);
    uint32_t ends = 0u;
    for (uint32_t i = 4u; i < section.size_bytes && ends < count; ++i) {
        ends += (section.data[i] == 0u) ? 1u : 0u;
    }
    return (count > 0u && ends == count) ? (int32_t)count : (int32_t)KWS_ERROR_BOUNDS;
}

const char *kws_bundle_label(const kws_bundle_t *self, uint32_t index)
{
    if (index >= kws_read_u16(self->labels.data)) {
        return NULL;
    }
    const char *label = (const char *)self->labels.data + 4;
    while (index > 0u) {
        index -= (*label++ == '\0') ? 1u : 0u;
    }
    return label;
}
