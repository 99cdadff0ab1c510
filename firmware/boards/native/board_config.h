/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes that this board gives to the application's buffers: large, so that a fast host waits little. */
#ifndef KWS_BOARD_CONFIG_H
#define KWS_BOARD_CONFIG_H

enum {
    BOARD_AUDIO_RING_SAMPLES = 16384, /* a power of two */
    BOARD_OUTBOX_BYTES = 16384        /* a power of two; at least one decision with its features: see app.c */
};

#endif
