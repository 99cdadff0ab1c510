/* SPDX-License-Identifier: Apache-2.0 */
/* The bundle NAME.kws: one flat, little-endian, CRC-protected file that holds everything a spotter is.
 *
 *   offset  size  field
 *        0     4  magic "KWSB"
 *        4     2  version_major   (this core reads exactly KWS_BUNDLE_VERSION_MAJOR)
 *        6     2  version_minor   (newer minors only add sections or use reserved fields)
 *        8     4  total_bytes     (whole file, a multiple of 16)
 *       12     4  crc32           (IEEE 802.3, over bytes 16 .. total_bytes)
 *       16     4  num_sections    (1 .. KWS_BUNDLE_MAX_SECTIONS)
 *       20    12  reserved, zero
 *       32  16*n  section table: { uint32 type (four characters), uint32 offset_bytes from the start of the file,
 *                 uint32 size_bytes, uint32 reserved zero }; offsets are multiples of 16, sections neither overlap nor
 *                 repeat
 *
 * Sections (each parsed by the stage that owns it, every offset inside is relative to the section's start):
 *   FEAT  front-end settings and tables      kws_features.h   required
 *   MODL  layer table, quantisation, weights kws_model.h      required
 *   LABL  labels: uint16 count, uint16 reserved, then count strings, each NUL-terminated UTF-8   required
 *   DECN  smoothing and operating points     kws_decision.h   required
 *   GATE  level gate in front of the model         kws_gate.h       optional: without it the network always runs
 *   METZ  zlib stream of UTF-8 JSON: provenance, data hashes, training config; the board never reads it. Since 1.1;
 *         bundles of 1.0 have META, the same without zlib
 *
 * The CRC does not cover the first 16 bytes. A wrong byte among them is refused all the same, but in version_minor: any
 * minor is taken, and nothing is read differently by it.
 *
 * Nothing is copied: the views below point into the file, which must stay in place (flash, or a buffer of the
 * caller) and be aligned to 16 bytes. A loader that trusts nothing: open() checks the header, the CRC and the
 * section table; each stage checks its own section before use. */
#ifndef KWS_BUNDLE_H
#define KWS_BUNDLE_H

#include <stddef.h>
#include <stdint.h>

#include "kws_status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    KWS_BUNDLE_VERSION_MAJOR = 2,
    KWS_BUNDLE_VERSION_MINOR = 0,
    KWS_BUNDLE_HEADER_BYTES = 32,
    KWS_BUNDLE_SECTION_ENTRY_BYTES = 16,
    KWS_BUNDLE_MAX_SECTIONS = 16,
    KWS_BUNDLE_ALIGNMENT = 16
};

/* A view into the bundle; data is NULL and size 0 when the section is absent. */
typedef struct {
    const uint8_t *data;
    uint32_t size_bytes;
} kws_span_t;

typedef struct {
    kws_span_t features; /* FEAT */
    kws_span_t model;    /* MODL */
    kws_span_t labels;   /* LABL */
    kws_span_t decision; /* DECN */
    kws_span_t gate;     /* GATE; may be absent */
    uint32_t total_bytes;
    uint32_t crc32; /* identifies the bundle on the wire and in reports */
    uint16_t version_minor;
} kws_bundle_t;

/* Opens a bundle of at most size_bytes bytes at data (aligned to KWS_BUNDLE_ALIGNMENT). */
kws_status_t kws_bundle_open(kws_bundle_t *self, const void *data, size_t size_bytes);

/* Number of labels, or a negative kws_status_t when the section is malformed. */
int32_t kws_bundle_num_labels(const kws_bundle_t *self);

/* The label at index, or NULL when there is none. Valid only after kws_bundle_num_labels succeeded. */
const char *kws_bundle_label(const kws_bundle_t *self, uint32_t index);

/* CRC-32 (IEEE 802.3, reflected 0xEDB88320), continued from crc (start with 0). Table-free: 4 bits a step. */
uint32_t kws_crc32(uint32_t crc, const void *data, size_t size_bytes);

/* Little-endian reads that do not depend on alignment. */
uint16_t kws_read_u16(const uint8_t *data);
uint32_t kws_read_u32(const uint8_t *data);

#ifdef __cplusplus
}
#endif

#endif
