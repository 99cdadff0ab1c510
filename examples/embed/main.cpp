// SPDX-License-Identifier: Apache-2.0
// main.c in C++: the core is C, its headers are made for both.
#include <stdint.h>
#include <stdio.h>

#include "kws.h"

extern "C" const uint8_t bundle_bytes[]; // bundle.c, which CMakeLists.txt makes from a .kws file
extern "C" const uint32_t bundle_size_bytes;

namespace
{

class Spotter
{
  public:
    Spotter(const uint8_t *bytes, uint32_t size_bytes)
    {
        kws_pipeline_hooks_t hooks = {};
        hooks.user = this;
        hooks.on_event = [](void *user, const kws_event_t *event) {
            static_cast<Spotter *>(user)->on_event(*event);
        };
        status_ = kws_bundle_open(&bundle_, bytes, size_bytes);
        if (status_ == KWS_OK) {
            status_ = kws_pipeline_init(&pipeline_, &bundle_, -1, &hooks, arena_, sizeof arena_);
        }
    }

    Spotter(const Spotter &) = delete; // the pipeline points into this object
    Spotter &operator=(const Spotter &) = delete;

    kws_status_t status() const
    {
        return status_;
    }

    void feed(const int16_t *samples, uint32_t num_samples)
    {
        kws_pipeline_feed(&pipeline_, samples, num_samples);
    }

  private:
    void on_event(const kws_event_t &event)
    {
        printf("%s at sample %lu\n", kws_bundle_label(&bundle_, event.label),
               static_cast<unsigned long>(event.sample_index));
    }

    kws_bundle_t bundle_;
    kws_pipeline_t pipeline_;
    kws_status_t status_;
    alignas(KWS_ARENA_ALIGNMENT) uint8_t arena_[16384];
};

} // namespace

int main()
{
    static Spotter spotter(bundle_bytes, bundle_size_bytes);
    if (spotter.status() != KWS_OK) {
        fprintf(stderr, "kws: %s\n", kws_status_text(spotter.status()));
        return 1;
    }
    int16_t samples[160];
    uint32_t num_samples;
    while ((num_samples = static_cast<uint32_t>(fread(samples, sizeof samples[0], 160, stdin))) > 0) {
        spotter.feed(samples, num_samples);
    }
    return 0;
}
