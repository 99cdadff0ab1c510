/* SPDX-License-Identifier: Apache-2.0 */
/* The layouts of kws_protocol.h hold on every compiler, or this file does not compile. */
#include "kws_protocol.h"

#include "kws_packet.h"
#include "kws_pipeline.h"

#define SIZE_IS(type, bytes) _Static_assert(sizeof(type) == (bytes), #type " has padding")

SIZE_IS(kws_message_hello_t, 4);
SIZE_IS(kws_message_info_t, 108);
SIZE_IS(kws_message_label_t, 4);
SIZE_IS(kws_message_label_text_t, 68);
SIZE_IS(kws_message_reset_t, 8);
SIZE_IS(kws_message_audio_t, 4);
SIZE_IS(kws_message_flush_t, 4);
SIZE_IS(kws_message_update_begin_t, 8);
SIZE_IS(kws_message_update_chunk_t, 8);
SIZE_IS(kws_update_signed_t, 8);
SIZE_IS(kws_message_update_signature_t, 68);
SIZE_IS(kws_message_update_result_t, 28);
SIZE_IS(kws_message_status_t, 32);
SIZE_IS(kws_message_poll_t, 4);
SIZE_IS(kws_message_statistics_t, 104);
SIZE_IS(kws_message_error_t, 8);
SIZE_IS(kws_message_fault_t, 16);
SIZE_IS(kws_message_event_t, 16);
SIZE_IS(kws_message_scores_t, 16);
SIZE_IS(kws_message_features_t, 4);
SIZE_IS(kws_message_drained_t, 8);

_Static_assert((int)KWS_PROTOCOL_NUM_STAGES == (int)KWS_NUM_STAGES,
               "one statistic per stage of the pipeline");
_Static_assert(sizeof(kws_message_audio_t) + 2 * KWS_AUDIO_PACKET_SAMPLES <= KWS_PACKET_MAX_PAYLOAD_BYTES,
               "AUDIO fits a packet");
_Static_assert(sizeof(kws_message_scores_t) + 2 * KWS_PROTOCOL_MAX_LABELS <= KWS_PACKET_MAX_PAYLOAD_BYTES,
               "SCORES fits a packet");
_Static_assert(sizeof(kws_message_features_t) + KWS_PROTOCOL_MAX_FEATURES <= KWS_PACKET_MAX_PAYLOAD_BYTES,
               "FEATURES fits a packet");
