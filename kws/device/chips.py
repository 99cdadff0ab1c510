# SPDX-License-Identifier: Apache-2.0
"""Emulated microcontrollers with a microphone (``firmware/emulator/chip``): built when needed, started as a board.

The very image that is flashed runs on them, over a serial line like a board's, and a recording is what their microphone
hears.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import select
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kws import extras, places
from kws.audio import read_audio, write_wav
from kws.device.build import FIRMWARE, board_setting, build_firmware, find_tool
from kws.device.launch import KEEPER, START_S, Child, check_bundle_file, place_of_bundle
from kws.errors import DeviceError

_CHIPS = FIRMWARE / "emulator" / "chip"
_BUILT = places.build_folder() / "emulator"
_SHARED = ("main", "serial", "glitch", "sound", "supply", "core", "blocks", "exceptions", "private", "timeline")
END_S = 30.0
"""It ends by itself once the line is closed; a busy computer may keep it from that for a while."""
_CC_FLAGS = ("-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra")


@dataclass(frozen=True, kw_only=True)
class EmulatedChip:
    """What stands for a board."""

    chip: str
    """``nrf52840`` or ``stm32f407``."""
    options: tuple[str, ...] = ()
    """Of the emulator, such as ``--usb``: the serial line goes that way."""


@dataclass(frozen=True, kw_only=True)
class ChipReport:
    """What the emulator counted from power-on to its end."""

    chip: str
    clock_hz: int
    cycles: int
    """Of the core's clock, time asleep included."""
    sleep_cycles: int
    instructions: int
    microphone_samples: int
    """That the microphone gave; 16-bit words of bits where it gives bits."""
    buffers_reused: int
    """Buffers of sound that were filled again before anybody read them."""
    microphone_cycles: int
    """With the microphone and its audio input on."""
    crystal_cycles: int
    """With the fast oscillator on that the microphone needs."""
    receiver_cycles: int
    """With the receiver of a UART on."""
    cache_cycles: int
    """With the cache of instructions on, which the estimates of ``kws power`` take for granted."""
    worst_latency_cycles: int
    """From an interrupt's request to its handler."""
    flash_operations: int
    """Erasures of a page or sector, and stores to flash."""
    mistakes: int
    """Things that silicon punishes; the emulator said which."""

    @property
    def awake_share(self) -> float:
        """Of all time."""
        return 1.0 - self.sleep_cycles / self.cycles if self.cycles else 0.0


def emulated_chip(board: str) -> EmulatedChip | None:
    """Return what emulates a board: the ``KWS_BOARD_EMULATOR`` of its ``board.cmake``; None without one."""
    found = board_setting(board, "KWS_BOARD_EMULATOR")
    if found is None:
        return None
    chip, *options = found.split()
    return EmulatedChip(chip=chip, options=tuple(options))


def build_emulator(chip: str) -> Path:
    """Compile the emulator of a chip unless it is newer than its sources; returns the program.

    Raises
    ------
    ToolMissingError
        If Unicorn or a C compiler is not installed.
    DeviceError
        If it does not compile.
    """
    extras.require("emulating a chip", "emulator")
    unicorn = Path(str(importlib.util.find_spec("unicorn").origin)).parent  # type: ignore[union-attr]
    program = _BUILT / chip
    sources = [*(_CHIPS / f"{name}.c" for name in _SHARED), *sorted(_CHIPS.glob(f"{chip}*.c")),
               _CHIPS.parent / "cost.c"]  # fmt: skip
    newest = max(path.stat().st_mtime for path in [*_CHIPS.glob("*"), *_CHIPS.parent.glob("cost.*")])
    if program.exists() and program.stat().st_mtime >= newest:
        return program
    program.parent.mkdir(parents=True, exist_ok=True)
    fresh = program.with_suffix(f".{os.getpid()}")
    library = unicorn / "lib"
    command = [find_tool("gcc"), *_CC_FLAGS, f"-I{unicorn / 'include'}", f"-I{_CHIPS.parent}", *map(str, sources)]
    command += [f"-L{library}", "-l:libunicorn.so.2", f"-Wl,-rpath,{library}", "-lm", "-o", str(fresh)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DeviceError(f"the emulator of the {chip} does not compile: {done.stderr.strip()[-2000:]}")
    fresh.replace(program)
    return program


class ChipChild(Child):
    """A running emulator. It ends by itself when the line is closed, and then tells what it counted."""

    def __init__(self, command: Sequence[str], report: Path) -> None:
        super().__init__(["sh", "-c", KEEPER, "kws-keeper", *command, "--report", str(report)])
        self._report_path = report
        self.report: ChipReport | None = None

    def stop(self) -> None:
        """End the emulator.

        Raises
        ------
        DeviceError
            If the firmware did what silicon punishes.
        """
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(END_S)
        words = self.words()
        super().stop()
        if self._report_path.exists():
            self.report = ChipReport(**json.loads(self._report_path.read_text(encoding="ascii")))
            self._report_path.unlink()
        if self.report is not None and self.report.mistakes:
            raise DeviceError(f"the emulated {self.report.chip} saw what a real one would punish:\n{words}")


def run_chip(board: str, bundle: Path, *, sound: Path, options: Sequence[str] = ()) -> ChipReport:
    """Run a board that nobody talks to until half a second after the end of a sound; returns what the chip counted.

    Parameters
    ----------
    board : str
        With a ``KWS_BOARD_EMULATOR``.
    bundle, sound : path
        As for :func:`start_chip`.
    options : sequence of str
        More options of the emulator.

    Raises
    ------
    DeviceError
        If the firmware did what silicon punishes, or the emulator failed.
    AudioError, BoardRefusedError, ToolMissingError
        As for :func:`start_chip`.
    """
    emulated = emulated_chip(board)
    if emulated is None:
        raise DeviceError(f"{board}: nothing emulates its chip; set KWS_BOARD_EMULATOR in its board.cmake")
    firmware = build_firmware(board, target="kws") / "kws.elf"
    with tempfile.TemporaryDirectory(prefix="kws-chip-") as folder, _as_wav(sound) as played:
        report = Path(folder) / "report.json"
        command = [str(build_emulator(emulated.chip)), "--quiet", *emulated.options, *options, *played]
        command += [*_load(board, bundle, firmware), "--report", str(report), str(firmware)]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode != 0:
            raise DeviceError(f"the emulated {emulated.chip}: {done.stderr.decode(errors='replace').strip()}")
        return ChipReport(**json.loads(report.read_text(encoding="ascii")))


def _load(board: str, bundle: Path, firmware: Path) -> list[str]:
    check_bundle_file(bundle)
    return ["--load", f"{bundle}@0x{place_of_bundle(bundle, board, firmware):08x}"]


@contextlib.contextmanager
def _as_wav(sound: Path | None) -> Iterator[list[str]]:
    """Options that play a recording as every command hears it: the emulator itself reads WAV of 16 bits only."""
    if sound is None:
        yield []
        return
    with tempfile.TemporaryDirectory(prefix="kws-chip-") as folder:
        path = Path(folder) / "sound.wav"
        write_wav(path, read_audio(sound))
        yield ["--sound", str(path)]


def start_chip(
    board: str,
    bundle: Path | None,
    *,
    sound: Path | None = None,
    app: str = "kws",
    program: Path | None = None,
    emulated: EmulatedChip | None = None,
    options: Sequence[str] = (),
) -> ChipChild:
    """Start a board whose chip is emulated.

    Parameters
    ----------
    board : str
        With a ``KWS_BOARD_EMULATOR``.
    bundle : path, optional
        Loaded where the firmware looks for it; None leaves that flash empty.
    sound : path, optional
        Recording that its microphone hears, from the beginning whenever the firmware starts the microphone; silence
        when omitted.
    app : str
        A folder of ``firmware/apps``.
    program : path, optional
        The firmware; the application is built when omitted.
    emulated : EmulatedChip, optional
        What to run it on; what its ``board.cmake`` names when omitted.
    options : sequence of str
        More options of the emulator.

    Raises
    ------
    AudioError
        If the sound is no recording.
    BoardRefusedError
        If the bundle is larger than the flash set aside for it.
    DeviceError
        If it does not come up.
    ToolMissingError
        If Unicorn, or what builds emulator or firmware, is not installed.
    """
    emulated = emulated or emulated_chip(board)
    if emulated is None:
        raise DeviceError(f"{board}: nothing emulates its chip; set KWS_BOARD_EMULATOR in its board.cmake")
    firmware = program or build_firmware(board, target=app) / f"{app}.elf"
    command = [str(build_emulator(emulated.chip)), "--tcp", "--quiet", *emulated.options, *options]
    if bundle is not None:
        command += _load(board, bundle, firmware)
    handle, name = tempfile.mkstemp(prefix="kws-chip-", suffix=".json")
    os.close(handle)
    report = Path(name)
    report.unlink()
    with _as_wav(sound) as played:  # it has read the file before it prints its port
        child = ChipChild([*command, *played, str(firmware)], report)
        assert child.process.stdout is not None
        ready, _, _ = select.select([child.process.stdout], [], [], START_S)
        child.url = child.process.stdout.readline().decode().strip() if ready else ""
    if not child.url:
        words = child.words()
        child.stop()
        raise DeviceError(f"the emulator of {board} did not start: {words or 'it printed no port'}")
    return child
