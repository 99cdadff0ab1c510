// SPDX-License-Identifier: Apache-2.0
// Runs a sketch until the file SAMPLES is at its end.
#include <Arduino.h>
#include <PDM.h>
#include <stdio.h>

SerialStandIn Serial;
PDMClass PDM;
static FILE *sound;

void SerialStandIn::begin(unsigned long)
{
}

size_t SerialStandIn::println(const char *text)
{
    return static_cast<size_t>(puts(text));
}

int PDMClass::begin(int channels, int sampleRate)
{
    sound = fopen(SAMPLES, "rb");
    return channels == 1 && sampleRate == 16000 && sound != nullptr;
}

int PDMClass::available()
{
    return feof(sound) ? 0 : 512;
}

int PDMClass::read(void *buffer, size_t size)
{
    return static_cast<int>(fread(buffer, 1, size, sound));
}

void delay(unsigned long)
{
    exit(1); // only a sketch that cannot start waits
}

int main()
{
    setup();
    while (PDM.available() > 0) {
        loop();
    }
    return 0;
}
