/* SPDX-License-Identifier: Apache-2.0 */
/* Status codes shared by every stage: 0 is success, errors are negative.
 *
 * Python raises its exceptions from the same numbers (kws/core), so this enum is their only definition. */
#ifndef KWS_STATUS_H
#define KWS_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    KWS_OK = 0,
    KWS_ERROR_ARGUMENT = -1,    /* a null pointer or a value outside its documented range */
    KWS_ERROR_TRUNCATED = -2,   /* fewer bytes than the header says */
    KWS_ERROR_MAGIC = -3,       /* not a bundle */
    KWS_ERROR_VERSION = -4,     /* a bundle of a format this firmware does not read */
    KWS_ERROR_CRC = -5,         /* bytes were altered */
    KWS_ERROR_BOUNDS = -6,      /* an offset, size or shape points outside its section */
    KWS_ERROR_UNSUPPORTED = -7, /* well formed, but asks for something this core cannot do */
    KWS_ERROR_ARENA = -8,       /* the arena given is smaller than the bundle needs */
    KWS_ERROR_ALIGNMENT = -9,   /* the bundle or the arena is not aligned as documented */
    KWS_ERROR_MISSING = -10     /* a section the pipeline needs is not in the bundle */
} kws_status_t;

/* A short English sentence without a full stop; never NULL. */
const char *kws_status_text(kws_status_t status);

#ifdef __cplusplus
}
#endif

#endif
