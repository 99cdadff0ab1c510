/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes that this board gives to the application's buffers. */
#ifndef KWS_BOARD_CONFIG_H
#define KWS_BOARD_CONFIG_H

enum {
    BOARD_AUDIO_RING_SAMPLES = 512, /* a power of two */
    BOARD_OUTBOX_BYTES = 512        /* a power of two; at least one decision with its features: see app.c */
};

#endif
