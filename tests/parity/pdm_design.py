# SPDX-License-Identifier: Apache-2.0
"""Designs the filters of kws_pdm.c and prints their table:

    python tests/parity/pdm_design.py > firmware/core/kws_pdm_table.h

Three stages, 2.048 MHz of bits -> 256 kHz (sinc^3 by 8, exact integers) -> 32 kHz (FIR) -> 16 kHz (FIR).
"""

import numpy as np
from scipy import signal

FIRST_TAPS, SECOND_TAPS = 36, 64
PASS_HZ, STOP_HZ = 7000, 9000


def response(taps, frequencies_hz, rate_hz):
    """Amplitude at frequencies, 1 at 0 Hz."""
    turns = np.outer(frequencies_hz, np.arange(len(taps))) / rate_hz
    return np.abs(np.exp(-2j * np.pi * turns) @ taps) / np.sum(taps)


def design():
    """Return the taps of both FIR stages as integers."""
    aliases = [32000 * k + side * PASS_HZ for k in (1, 2, 3) for side in (-1, 1)]
    bands = [0, PASS_HZ, *aliases, 128000 - PASS_HZ, 128000]
    first = signal.remez(FIRST_TAPS, bands, [1, 0, 0, 0, 0], weight=[1, 30, 30, 30, 30], fs=256000)
    first = np.round(first / first.sum() * 32768).astype(int)
    edges = np.repeat(np.linspace(0, PASS_HZ, 29), 2)[1:-1]
    sinc = np.convolve(np.convolve(np.ones(8), np.ones(8)), np.ones(8))
    wanted = 1 / (response(sinc, edges, 2048000) * response(first, edges, 256000))
    second = signal.firls(
        SECOND_TAPS + 1, [*edges, STOP_HZ, 16000], [*wanted, 0, 0], weight=[1] * (len(edges) // 2) + [20], fs=32000
    )
    second = np.round(second / second.sum() * 32768).astype(int)
    return first, second


def packed_sinc():
    """What a byte adds to the three sums it is part of, ten bits each, the one that is complete lowest."""
    taps = np.pad(np.convolve(np.convolve(np.ones(8), np.ones(8)), np.ones(8)).astype(int), (0, 2))
    table = []
    for byte in range(256):
        bits = [byte >> (7 - i) & 1 for i in range(8)]  # the first in time on top
        # The newest byte lies under taps 0..7 of the sum that ends with it, 8..15 of the next, 16..23 of the one after.
        sums = [sum(bit * taps[8 * k + 7 - i] for i, bit in enumerate(bits)) for k in range(3)]
        table.append(sums[0] | sums[1] << 10 | sums[2] << 20)
    return table


def main():
    """Print the table."""
    first, second = design()
    print("/* SPDX-License-Identifier: Apache-2.0 */")
    print("/* Made by tests/parity/pdm_design.py; do not edit. */")
    print("#ifndef KWS_PDM_TABLE_H\n#define KWS_PDM_TABLE_H\n\n#include <stdint.h>\n")
    print(f"enum {{\n    KWS_PDM_FIRST_TAPS = {len(first)},\n    KWS_PDM_SECOND_TAPS = {len(second)}\n}};\n")
    for name, values in (("FIRST", first), ("SECOND", second)):
        rows = [", ".join(map(str, values[i : i + 12])) for i in range(0, len(values), 12)]
        print(f"static const int16_t KWS_PDM_{name}[KWS_PDM_{name}_TAPS] = {{\n    " + ",\n    ".join(rows) + ",\n};\n")
    table = packed_sinc()
    rows = [", ".join(f"0x{value:08x}" for value in table[i : i + 8]) for i in range(0, 256, 8)]
    print("static const uint32_t KWS_PDM_SINC[256] = {\n    " + ",\n    ".join(rows) + ",\n};\n\n#endif")


if __name__ == "__main__":
    main()
