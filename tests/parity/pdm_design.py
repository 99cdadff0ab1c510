# SPDX-License-Identifier: Apache-2.0
"""Designs the filters of kws_pdm.c and prints their table:

    python tests/parity/pdm_design.py > firmware/core/kws_pdm_table.h

Three stages, 2.048 MHz of bits -> 128 kHz (sinc^3 by 16, by tables) -> 32 kHz (FIR) -> 16 kHz (FIR). The FIR ones are
those of least error (linear programming): the first only where it would fold onto speech, as the second makes up for
what it takes from speech itself. The second is nearly a half-band filter: of every other of its taps only the NEAR ones
around the middle are not zero.
"""

import numpy as np
from scipy.optimize import linprog

FIRST_TAPS = 12
FAR_TAPS, NEAR_TAPS = 30, 9
PASS_HZ, STOP_HZ = 7000, 9000
RIPPLE = 0.0045
BITS_HZ = 2048000
FIRST_ONE, SECOND_ONE = 32768, 16384
SCALE = 16  # all ones: 4096 * SCALE, the range of 16 bits
BOX = np.ones(16, int)
SINC_3 = np.pad(np.convolve(np.convolve(BOX, BOX), BOX), (0, 2))
"""Three words long. Less than three zeros at each multiple of 128 kHz would let the noise of the modulator through."""
BITS_TAPS = SCALE * SINC_3 + np.repeat([0, 1, -1], 16)
"""What the tables make of them: see packed_sums."""
CENTRE = 8
"""In the low half, where a count of ones stands beside the sum: half of the sixteen there can be."""


def response(taps, frequencies_hz, rate_hz):
    """Amplitude at frequencies, 1 at 0 Hz."""
    turns = np.outer(frequencies_hz, np.arange(len(taps))) / rate_hz
    return np.abs(np.exp(-2j * np.pi * turns) @ taps) / np.sum(taps)


def whole_second(far, near):
    """Return the taps of the second filter in order: every other is a far one, near ones lie around the middle."""
    taps = np.zeros(2 * FAR_TAPS - 1)
    taps[::2] = far
    taps[FAR_TAPS - NEAR_TAPS : FAR_TAPS + NEAR_TAPS - 1 : 2] = near
    return taps


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


def design_first():
    """Return one half of the symmetric taps of the first FIR stage as integers."""
    folds_hz = np.concatenate([32000 + np.linspace(-PASS_HZ, PASS_HZ, 61), 64000 - np.linspace(0, PASS_HZ, 31)])
    half = FIRST_TAPS // 2
    cosines = lambda hz: 2 * np.cos(2 * np.pi * np.outer(hz, np.arange(half) + 0.5) / 128000)  # noqa: E731
    nothing = (np.zeros((0, half)), np.zeros(0))
    taps = least_error(cosines(folds_hz), nothing, (cosines([0]), [1]))
    return np.round(FIRST_ONE * taps[::-1]).astype(int)


def design_second(first):
    """Return the far and the near taps of the second FIR stage as integers."""
    pass_hz, stop_hz = np.linspace(0, PASS_HZ, 120), np.linspace(STOP_HZ, 16000, 160)
    offsets = np.concatenate([np.arange(0, NEAR_TAPS, 2), np.arange(1, FAR_TAPS, 2)])
    cosines = lambda hz: np.cos(2 * np.pi * np.outer(hz, offsets) / 32000) * [1, *[2] * (len(offsets) - 1)]  # noqa: E731
    before = response(BITS_TAPS, pass_hz, BITS_HZ) * response([*first, *first[::-1]], pass_hz, 128000)
    passed = cosines(pass_hz) * before[:, np.newaxis]
    limits = (np.concatenate([passed, -passed]), np.repeat([1 + RIPPLE, RIPPLE - 1], len(passed)))
    taps = least_error(cosines(stop_hz), limits, (np.zeros((0, len(offsets))), np.zeros(0)))
    near, far = np.split(taps, [NEAR_TAPS // 2 + 1])
    taps = whole_second([*far[::-1], *far], [*near[:0:-1], *near])
    taps = np.round(SECOND_ONE * taps / taps.sum()).astype(int)
    return taps[::2], taps[FAR_TAPS - NEAR_TAPS : FAR_TAPS + NEAR_TAPS - 1 : 2]


def packed_sums():
    """Return what the first and the second byte of a word add to the three sums the word is part of.

    High half: SCALE times what it adds to the sum it completes; low half: SCALE times what it adds to the next one, and
    above that the number of ones, CENTRE once a word. As the three together are 256 for every bit, what the word
    adds to the last one is 4095 * low - high, modulo 2^16 and but for one step.
    """
    tables = []
    for first_bit, start in (
        (0, CENTRE),
        (8, 0),
    ):  # the first in time on top; a word lies under taps 0..15 of its newest sum
        table = []
        for byte in range(256):
            bits = [first_bit + i for i in range(8) if byte >> (7 - i) & 1]
            high, low = (sum(BITS_TAPS[16 * k + 15 - bit] for bit in bits) for k in range(2))
            table.append(int(high << 16 | low + start))
        tables.append(table)
    return tables


def main():
    """Print the table."""
    first = design_first()
    far, near = design_second(first)
    print("/* SPDX-License-Identifier: Apache-2.0 */")
    print("/* Made by tests/parity/pdm_design.py; do not edit. */")
    print("#ifndef KWS_PDM_TABLE_H\n#define KWS_PDM_TABLE_H\n\n#include <stdint.h>\n")
    counts = {"FIRST_TAPS": FIRST_TAPS, "FAR_TAPS": FAR_TAPS, "NEAR_TAPS": NEAR_TAPS}
    print("enum {\n" + ",\n".join(f"    KWS_PDM_{name} = {count}" for name, count in counts.items()) + "\n};\n")
    print("/* One half; the other is its mirror image. */")
    for name, count, values in (
        ("FIRST", "FIRST_TAPS / 2", first),
        ("SECOND", "FAR_TAPS + KWS_PDM_NEAR_TAPS + 1", [*far, *near, 0]),
    ):
        rows = [", ".join(map(str, values[i : i + 12])) for i in range(0, len(values), 12)]
        print(f"static const int16_t KWS_PDM_{name}[KWS_PDM_{count}] = {{\n    " + ",\n    ".join(rows) + ",\n};\n")
    for name, table in zip(("EARLIER", "LATER"), packed_sums(), strict=True):
        rows = [", ".join(f"0x{value:08x}" for value in table[i : i + 8]) for i in range(0, 256, 8)]
        print(f"static const uint32_t KWS_PDM_{name}_BYTE[256] = {{\n    " + ",\n    ".join(rows) + ",\n};\n")
    print("#endif")


if __name__ == "__main__":
    main()
