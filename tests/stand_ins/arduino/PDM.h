// SPDX-License-Identifier: Apache-2.0
// The members of ArduinoCore-mbed's PDMClass that the sketch may use.
#pragma once
#include <Arduino.h>

class PDMClass
{
  public:
    int begin(int channels, int sampleRate);
    void end();
    virtual int available();
    virtual int read(void *buffer, size_t size);
    void onReceive(void (*callback)(void));
    void setGain(int gain);
    void setBufferSize(int bufferSize);
};
extern PDMClass PDM;
