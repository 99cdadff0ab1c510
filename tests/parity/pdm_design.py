# SPDX-License-Identifier: Apache-2.0
"""Designs the filters of kws_pdm.c and prints their table:

    python tests/parity/pdm_design.py > firmware/core/kws_pdm_table.h

Three stages, 2.048 MHz of bits -> 128 kHz (sinc^3 by 16, exact integers) -> 32 kHz (FIR) -> 16 kHz (FIR). The FIR
filters are those of least error (linear programming): the first only where it would fold onto speech, as the second
makes up for what it takes from speech itself.
"""

import numpy as np
from scipy.optimize import linprog

FIRST_TAPS, SECOND_TAPS = 12, 56
PASS_HZ, STOP_HZ = 7000, 9000
RIPPLE = 0.0045
BITS_HZ = 2048000
ONE = 32768
BITS_TAPS = np.convolve(np.convolve(np.ones(16), np.ones(16)), np.ones(16)).astype(int)
"""Less than three zeros at each multiple of 128 kHz would let the noise of the modulator through."""


def response(taps, frequencies_hz, rate_hz):
    """Amplitude at frequencies, 1 at 0 Hz."""
    turns = np.outer(frequencies_hz, np.arange(len(taps))) / rate_hz
    return np.abs(np.exp(-2j * np.pi * turns) @ taps) / np.sum(taps)


def least_error(cosines, limits, equal):
    """Return x of least max(abs(cosines @ x)), where limits[0] @ x <= limits[1] and equal[0] @ x = equal[1]."""
    error = np.full((len(cosines), 1), -1.0)
    above = [np.hstack([cosines, error]), np.hstack([-cosines, error]), np.pad(limits[0], ((0, 0), (0, 1)))]
    bounds = [(None, None)] * cosines.shape[1] + [(0, None)]
    found = linprog(
        [*[0] * cosines.shape[1], 1], A_ub=np.concatenate(above),
        b_ub=np.concatenate([np.zeros(2 * len(cosines)), limits[1]]),
        A_eq=np.pad(equal[0], ((0, 0), (0, 1))), b_eq=equal[1], bounds=bounds,
    )  # fmt: skip
    return found.x[:-1]


def design():
    """Return the taps of both FIR stages as integers."""
    folds_hz = np.concatenate([32000 + np.linspace(-PASS_HZ, PASS_HZ, 61), 64000 - np.linspace(0, PASS_HZ, 31)])
    half = FIRST_TAPS // 2
    cosines = lambda hz: 2 * np.cos(2 * np.pi * np.outer(hz, np.arange(half) + 0.5) / 128000)  # noqa: E731
    nothing = (np.zeros((0, half)), np.zeros(0))
    taps = least_error(cosines(folds_hz), nothing, (cosines([0]), [1]))
    first = np.round(ONE * np.concatenate([taps[::-1], taps])).astype(int)

    half = SECOND_TAPS // 2 - 1  # an odd number of taps, and a zero
    pass_hz, stop_hz = np.linspace(0, PASS_HZ, 120), np.linspace(STOP_HZ, 16000, 160)
    cosines = lambda hz: np.cos(2 * np.pi * np.outer(hz, np.arange(half + 1)) / 32000) * [1, *[2] * half]  # noqa: E731
    before = response(BITS_TAPS, pass_hz, BITS_HZ) * response(first, pass_hz, 128000)
    passed = cosines(pass_hz) * before[:, np.newaxis]
    limits = (np.concatenate([passed, -passed]), np.repeat([1 + RIPPLE, RIPPLE - 1], len(passed)))
    taps = least_error(cosines(stop_hz), limits, (np.zeros((0, half + 1)), np.zeros(0)))
    taps = np.concatenate([taps[:0:-1], taps])
    second = np.append(np.round(ONE * taps / taps.sum()), 0).astype(int)
    return first, second


def packed_sums():
    """Return what the first and the second byte of a word add to the three sums the word is part of.

    Ten bits of the one that is complete, twelve of the next above them, ten of the last.
    """
    taps = np.pad(BITS_TAPS, (0, 48 - len(BITS_TAPS)))
    tables = []
    for first_bit in (0, 8):  # the first in time on top; a word lies under taps 0..15 of the sum it begins
        table = []
        for byte in range(256):
            bits = [first_bit + i for i in range(8) if byte >> (7 - i) & 1]
            sums = [sum(taps[16 * k + 15 - bit] for bit in bits) for k in range(3)]
            table.append(int(sums[0] | sums[1] << 10 | sums[2] << 22))
        tables.append(table)
    return tables


def main():
    """Print the table."""
    first, second = design()
    print("/* SPDX-License-Identifier: Apache-2.0 */")
    print("/* Made by tests/parity/pdm_design.py; do not edit. */")
    print("#ifndef KWS_PDM_TABLE_H\n#define KWS_PDM_TABLE_H\n\n#include <stdint.h>\n")
    print(
        f"enum {{\n    KWS_PDM_FIRST_TAPS = {len(first)},\n    KWS_PDM_SECOND_TAPS = {len(second)},\n"
        f"    KWS_PDM_FIRST_SUM = {first.sum()} /* of its weights */\n}};\n"
    )
    for name, values in (("FIRST", first), ("SECOND", second)):
        rows = [", ".join(map(str, values[i : i + 12])) for i in range(0, len(values), 12)]
        print(f"static const int16_t KWS_PDM_{name}[KWS_PDM_{name}_TAPS] = {{\n    " + ",\n    ".join(rows) + ",\n};\n")
    for name, table in zip(("FIRST", "SECOND"), packed_sums(), strict=True):
        rows = [", ".join(f"0x{value:08x}" for value in table[i : i + 8]) for i in range(0, 256, 8)]
        print(f"static const uint32_t KWS_PDM_{name}_BYTE[256] = {{\n    " + ",\n    ".join(rows) + ",\n};\n")
    print("#endif")


if __name__ == "__main__":
    main()
