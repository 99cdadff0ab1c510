/* SPDX-License-Identifier: Apache-2.0 */
/* A microphone that plays the file SAMPLES, and a heap of one block at a time: one that is not given back is missed. */
#include <stdio.h>
#include <zephyr/audio/dmic.h>

const struct device stand_in_dmic_dev = {"dmic"};
static struct pcm_stream_cfg stream;
static FILE *sound;
static bool lent;

bool device_is_ready(const struct device *dev)
{
    return dev == &stand_in_dmic_dev;
}

uint32_t dmic_build_channel_map(uint8_t channel, uint8_t pdm, enum pdm_lr lr)
{
    return (((pdm & 7u) << 1) | (uint32_t)lr) << ((channel & 7u) * 4u);
}

int dmic_configure(const struct device *dev, struct dmic_cfg *cfg)
{
    stream = cfg->streams[0];
    const bool good = device_is_ready(dev) && cfg->channel.req_num_streams == 1 &&
                      cfg->channel.req_num_chan == 1 && stream.pcm_rate == 16000 && stream.pcm_width == 16 &&
                      stream.block_size <= stream.mem_slab->block_bytes;
    return good ? 0 : -22;
}

int dmic_trigger(const struct device *dev, enum dmic_trigger cmd)
{
    sound = fopen(SAMPLES, "rb");
    return device_is_ready(dev) && cmd == DMIC_TRIGGER_START && sound != NULL ? 0 : -5;
}

int dmic_read(const struct device *dev, uint8_t number, void **buffer, size_t *size, int32_t timeout)
{
    if (!device_is_ready(dev) || number != 0 || timeout <= 0 || lent) {
        return -12;
    }
    *buffer = stream.mem_slab->buffer;
    *size = fread(*buffer, 1, stream.block_size, sound);
    lent = *size > 0;
    return lent ? 0 : -11;
}

void k_mem_slab_free(struct k_mem_slab *slab, void *mem)
{
    lent = lent && !(slab == stream.mem_slab && mem == slab->buffer);
}
