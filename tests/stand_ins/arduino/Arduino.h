// SPDX-License-Identifier: Apache-2.0
// What the IDE includes in front of every sketch, its macros with common names among them.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define HIGH            0x1
#define LOW             0x0
#define INPUT           0x0
#define OUTPUT          0x1
#define PI              3.1415926535897932384626433832795
#define DEFAULT         1
#define EXTERNAL        0
#define abs(x)          ((x) > 0 ? (x) : -(x))
#define round(x)        ((x) >= 0 ? (long)((x) + 0.5) : (long)((x) - 0.5))
#define radians(deg)    ((deg) * 0.017453)
#define sq(x)           ((x) * (x))
#define lowByte(w)      ((uint8_t)((w) & 0xff))
#define bitRead(v, bit) (((v) >> (bit)) & 0x01)
#define bit(b)          (1UL << (b))
#define F(text)         text

class SerialStandIn
{
  public:
    void begin(unsigned long baud);
    size_t println(const char *text);
};
extern SerialStandIn Serial;

void delay(unsigned long ms);
void setup();
void loop();
