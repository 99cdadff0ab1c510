/* SPDX-License-Identifier: Apache-2.0 */
// A function of every public header of the core, called from C++; and the board's headers understood by it.
#include <cstdlib>

#include "board.h"
#include "board_audio.h"
#include "board_flash.h"
#include "check.h"
#include "kws.h"
#include "kws_arena.h"
#include "kws_audio.h"
#include "kws_dc_blocker.h"
#include "kws_decision.h"
#include "kws_detection.h"
#include "kws_features.h"
#include "kws_gate.h"
#include "kws_micro.h"
#include "kws_model.h"
#include "kws_pdm.h"
#include "kws_preroll.h"
#include "kws_smoothing.h"
#include "kws_update.h"

// Defined in C++ with the names that C calls.
bool board_audio_start(uint32_t)
{
    return true;
}
bool board_flash_erase(uint32_t)
{
    return true;
}
void board_on_fault(const board_fault_t *)
{
}

int main()
{
    alignas(16) static uint8_t memory[64];
    const kws_span_t nothing = {nullptr, 0};

    kws_arena_t arena;
    kws_arena_init(&arena, memory, sizeof memory);
    CHECK(kws_arena_fits(&arena));
    int16_t samples[32] = {100};
    kws_audio_ring_t ring;
    CHECK_EQUAL(kws_audio_ring_init(&ring, samples, 32), KWS_OK);
    static kws_bundle_t bundle;
    CHECK_EQUAL(kws_bundle_open(&bundle, nullptr, 0), KWS_ERROR_ARGUMENT);
    static kws_dc_blocker_t blocker;
    kws_dc_blocker_reset(&blocker);
    static kws_decision_config_t decision;
    CHECK(kws_decision_read(&decision, nothing, -1) != KWS_OK);
    static kws_detection_t detection;
    kws_detection_init(&detection, &decision);
    static kws_features_config_t features;
    CHECK(kws_features_read(&features, nothing) != KWS_OK);
    CHECK_EQUAL(kws_gate_level_q8(samples + 1, 31), 0);
    static kws_micro_config_t micro;
    CHECK(kws_micro_scratch_bytes(&micro) > 0);
    static kws_model_config_t model;
    CHECK(kws_model_read(&model, nothing) != KWS_OK);
    static kws_pdm_t pdm;
    kws_pdm_init(&pdm, 3);
    static kws_preroll_t preroll;
    kws_preroll_init(&preroll, 1, 2, 2, &arena);
    static kws_smoothing_t smoothing;
    CHECK_EQUAL(kws_smoothing_init(&smoothing, &decision, &arena), KWS_OK);
    CHECK_EQUAL(kws_status_text(KWS_OK)[0], 'o');
    CHECK(kws_update_room_bytes(65536, 1024) > 0);

    static kws_pipeline_t pipeline;
    CHECK_EQUAL(kws_pipeline_arena_bytes(nullptr), KWS_ERROR_ARGUMENT);
    CHECK_EQUAL(kws_pipeline_init(&pipeline, nullptr, -1, nullptr, memory, sizeof memory), KWS_ERROR_ARGUMENT);
    CHECK_EQUAL(kws_pipeline_init(nullptr, &bundle, -1, nullptr, memory, sizeof memory), KWS_ERROR_ARGUMENT);
    CHECK(kws_pipeline_init(&pipeline, &bundle, -1, nullptr, memory, sizeof memory) != KWS_OK);
    static kws_cascade_t cascade;
    static kws_cascade_config_t config;
    config.wake = &bundle;
    CHECK(kws_cascade_init(&cascade, &config, nullptr, memory, sizeof memory) != KWS_OK);
    return EXIT_SUCCESS;
}
