/* SPDX-License-Identifier: Apache-2.0 */
/* Prints the words that the board's digital microphone hears: the node with the label dmic_dev. */
#include <zephyr/audio/dmic.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/printk.h>

#include <kws.h>
#include <kws_bundle_data.h>

#define BLOCK_BYTES (KWS_BUNDLE_SAMPLE_RATE_HZ / 50u * sizeof(int16_t)) /* 20 ms */
K_MEM_SLAB_DEFINE_STATIC(blocks, BLOCK_BYTES, 4, 4);

static kws_bundle_t bundle;
static kws_pipeline_t pipeline;
static _Alignas(KWS_ARENA_ALIGNMENT) uint8_t arena[KWS_BUNDLE_ARENA_BYTES];

static void on_event(void *user, const kws_event_t *event)
{
    (void)user;
    printk("%s\n", kws_bundle_label(&bundle, event->label));
}

static int start_microphone(const struct device *dmic)
{
    struct pcm_stream_cfg stream = {.pcm_rate = KWS_BUNDLE_SAMPLE_RATE_HZ,
                                    .pcm_width = 16,
                                    .block_size = BLOCK_BYTES,
                                    .mem_slab = &blocks};
    struct dmic_cfg config = {.io = {.min_pdm_clk_freq = 1000000,
                                     .max_pdm_clk_freq = 3500000,
                                     .min_pdm_clk_dc = 40,
                                     .max_pdm_clk_dc = 60},
                              .streams = &stream,
                              .channel = {.req_num_streams = 1,
                                          .req_num_chan = 1,
                                          .req_chan_map_lo = dmic_build_channel_map(0, 0, PDM_CHAN_LEFT)}};
    const int error = dmic_configure(dmic, &config);
    return error < 0 ? error : dmic_trigger(dmic, DMIC_TRIGGER_START);
}

int main(void)
{
    const struct device *dmic = DEVICE_DT_GET(DT_NODELABEL(dmic_dev));
    const kws_pipeline_hooks_t hooks = {.on_event = on_event};
    void *block;
    size_t size;
    if (!device_is_ready(dmic) || start_microphone(dmic) < 0 ||
        kws_bundle_open(&bundle, kws_bundle_data, sizeof kws_bundle_data) != KWS_OK ||
        kws_pipeline_init(&pipeline, &bundle, -1, &hooks, arena, sizeof arena) != KWS_OK) {
        printk("kws: cannot start\n");
        return 0;
    }
    while (dmic_read(dmic, 0, &block, &size, 1000) == 0) {
        kws_pipeline_feed(&pipeline, block, size / sizeof(int16_t));
        k_mem_slab_free(&blocks, block);
    }
    return 0;
}
