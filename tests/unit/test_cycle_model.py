# SPDX-License-Identifier: Apache-2.0
"""The emulator's cycle model against sequences counted by hand (firmware/emulator/README.md has the table)."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from kws.device.chips import build_emulator
from kws.device.cycles import CycleReport, Region, Watch, build_plugin, plugin_arguments, read_report
from kws.errors import DeviceError

pytestmark = pytest.mark.slow
BX_LR = 1 + 2
"""Every sequence ends with BX LR: one cycle and a refill."""

SEQUENCES = {
    "alu_is_one_each": ("adds r0, r1, r2; eor r0, r1; smlad r0, r1, r2, r0; sxtb16 r0, r1, ror #8; nop", 5),
    "multiplies_are_one_each": ("mul r0, r1, r2; smull r0, r1, r2, r3; smmlar r0, r1, r2, r3", 3),
    "lone_load_is_two": ("ldr r1, [r0]; nop; ldrsb r1, [r0]; nop", 2 + 1 + 2 + 1),
    "loads_in_a_row_are_two_then_one": ("ldr r1, [r0]; ldrb r2, [r0]; ldrsh r3, [r0]", 2 + 1 + 1),
    "store_is_one_and_breaks_the_row": ("ldr r1, [r0]; str r1, [r0]; ldr r2, [r0]", 2 + 1 + 2),
    "double_load_is_three_and_no_load_before_it_helps": ("ldr r1, [r0]; ldrd r2, r3, [r0]; ldr r1, [r0]", 7),
    "double_store_is_three": ("strd r2, r3, [r0]", 3),
    "multiple_is_one_plus_registers": ("ldm r0, {r1, r2, r3}; stm r0, {r1-r3}", 4 + 4),
    "push_and_pop": ("push {r4, r5}; pop {r4, r5}", 3 + 3),
    "divide_is_seven": ("udiv r0, r1, r2; sdiv r0, r1, r2", 14),
    "untaken_branch_is_one": ("cmp r0, r0; bne 1f; 1:", 2),
    "taken_branch_is_three": ("b 1f; nop; 1:", 3),
    "computed_jump_refills_even_to_the_next": ("adr r0, 1f; mov pc, r0; .balign 4; 1:", 1 + 3),
    "loop_refills_all_but_the_last_time": ("mov r3, #5; 1: subs r3, #1; bne 1b", 1 + 5 * 2 + 4 * 2),
    "call_counts_what_it_calls": ("push {r4, lr}; bl leaf; pop {r4, lr}", 3 + 3 + (1 + BX_LR) + 3),
    # QEMU ends a block before an instruction that lies on both sides of a page's end, one of which every KiB has.
    "straight_run_over_pages_is_no_branch": ("nop; .rept 300; add.w r0, r0, #1; .endr", 1 + 300),
    "loads_in_a_row_over_pages": ("nop; .rept 300; ldr.w r1, [r0]; .endr", 1 + 2 + 299),
    "block_of_conditional_instructions": ("cmp r0, r0; ite eq; moveq r1, #1; movne r1, #2", 4),
    # VFP: the coprocessor is switched on by the start-up code of the test.
    "float_multiply_accumulate_is_three": ("vmla.f32 s0, s1, s2; vfma.f32 s0, s1, s2; vadd.f32 s0, s1, s2", 7),
    "float_divide_is_fourteen": ("vdiv.f32 s0, s1, s2; vsqrt.f32 s0, s1", 28),
    "float_block_is_one_plus_registers": ("vpush {s16-s19}; vpop {s16-s19}", 5 + 5),
}

SPECIAL = {
    # 4 (push of three) + 6 (pop of two and PC) + 2 (refill)
    "pop_of_pc_returns": ("push {r4, r5, lr}; pop {r4, r5, pc}", 4 + (1 + 3 + 3) + 2),
    # A tail call ends with the function it jumps to.
    "tail_call": ("nop; b leaf", 1 + 3 + 1 + BX_LR),
    # Setting PENDSVSET interrupts before the next instruction: the handler is not on this function's account.
    "interrupted": (
        "ldr r0, =0xE000ED04; ldr r1, =0x10000000; str r1, [r0]; dsb; isb; nop; bx lr; .ltorg",
        2 + 1 + 1 + 1 + 1 + 1 + BX_LR,
    ),
    "reads_first": ("ldr r0, =first_region; ldr r1, [r0]; bx lr; .ltorg", 3 + BX_LR),
    "reads_second": ("ldr r0, =second_region; ldr r1, [r0]; bx lr; .ltorg", 3 + BX_LR),
}

PROGRAM = """
.syntax unified
.cpu cortex-m4
.fpu fpv4-sp-d16
.thumb
.section .vectors, "a"
.word 0x20010000, Reset_Handler
.rept 12
.word Fault_Handler
.endr
.word PendSV_Handler
.rept 16
.word Fault_Handler
.endr
.text
.macro function name
.balign 4
.thumb_func
.global \\name
.type \\name, %function
\\name:
.endm
function Reset_Handler
    ldr r0, =0xE000ED88
    ldr r1, =0x00F00000
    str r1, [r0]
    dsb
    isb
{calls}
    movs r0, #0x18
    ldr r1, =0x20026
    bkpt 0xab
    .ltorg
function Fault_Handler
    b .
function PendSV_Handler
    nop
    bx lr
function leaf
    nop
    bx lr
function in_region
    ldr r1, [r0]
    bx lr
{functions}
.balign 4
first_region: .word 1
second_region: .word 2
table: .word 1, 2, 3, 4
"""


def _program() -> str:
    functions = [f"function {name}\n    {body}; bx lr" for name, (body, _) in SEQUENCES.items()]
    functions += [f"function {name}\n    {body}" for name, (body, _) in SPECIAL.items()]
    setup = "    ldr r0, =scratch\n    movs r2, #3\n    movs r3, #3\n"
    calls = "".join(f"{setup}    bl {name}\n" for name in [*SEQUENCES, *SPECIAL])
    for region in ("first_region", "second_region", "first_region"):
        calls += f"    ldr r0, ={region}\n    bl in_region\n"
    calls += "    ldr r0, =table\n    bl in_region\n"
    return ".set scratch, 0x20000100\n" + PROGRAM.format(calls=calls, functions="\n".join(functions))


def _build(folder: Path) -> Path:
    if shutil.which("arm-none-eabi-gcc") is None or shutil.which("qemu-system-arm") is None:
        pytest.fail("the cycle model's tests need arm-none-eabi-gcc and qemu-system-arm: run `make tools`")
    source, elf = folder / "program.S", folder / "program.elf"
    source.write_text(_program(), encoding="ascii")
    link = ["-Wl,-Ttext=0x08000100", "-Wl,--section-start=.vectors=0x08000000", "-Wl,-eReset_Handler"]
    cpu = ["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"]
    subprocess.run(["arm-none-eabi-gcc", *cpu, "-nostdlib", *link, source, "-o", elf], check=True)
    return elf


def _emulate(folder: Path) -> CycleReport:
    elf = _build(folder)
    symbols = subprocess.run(["arm-none-eabi-nm", elf], check=True, capture_output=True, text=True).stdout
    addresses = {line.split()[2]: int(line.split()[0], 16) for line in symbols.splitlines()}
    regions = [
        Region(name=name, begin=addresses[name], end=addresses[name] + 4) for name in ("first_region", "second_region")
    ]
    watch = Watch(functions=[*SEQUENCES, *SPECIAL, "not_in_the_image"], kernels=["in_region"], regions=regions)
    machine = ["-M", "netduinoplus2", "-display", "none", "-monitor", "none", "-serial", "none"]
    emulator = ["qemu-system-arm", *machine, "-semihosting"]
    command = [*emulator, "-kernel", str(elf), *plugin_arguments(elf, folder, watch)]
    subprocess.run(command, check=True, timeout=30)
    return read_report(elf, folder)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> CycleReport:
    return _emulate(tmp_path_factory.mktemp("cycles"))


@pytest.mark.parametrize("name", SEQUENCES)
def test_sequence_costs_what_was_counted_by_hand(report: CycleReport, name: str) -> None:
    assert report.of(name).cycles == SEQUENCES[name][1] + BX_LR


@pytest.mark.parametrize("name", SPECIAL)
def test_function_costs_what_was_counted_by_hand(report: CycleReport, name: str) -> None:
    assert report.of(name).cycles == SPECIAL[name][1]


def test_an_emulated_chip_counts_what_qemu_counts(report: CycleReport, tmp_path: Path) -> None:
    """One image, both ways, from reset to the breakpoint that ends it."""
    told = tmp_path / "report.json"
    command = [str(build_emulator("stm32f407")), "--quiet", "--report", str(told), str(_build(tmp_path))]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    assert "breakpoint instruction" in done.stderr
    assert json.loads(told.read_text())["cycles"] == report.cycles


def test_interrupt_is_counted_apart(report: CycleReport) -> None:
    assert report.interrupt_cycles == 12 + 1 + 1 + 12


def test_calls_are_told_apart_by_the_region_they_read(report: CycleReport) -> None:
    calls = {row.region: row.calls for row in report.calls if row.function == "in_region"}
    assert calls == {"first_region": 2, "second_region": 1, "": 1}


def test_functions_alone_add_up_to_everything(report: CycleReport) -> None:
    assert sum(report.functions.values()) + 2 * 12 == report.cycles


def test_exclusive_cycles_do_not_hold_callees(report: CycleReport) -> None:
    assert report.functions["call_counts_what_it_calls"] == 3 + 3 + 3 + BX_LR
    # called once by that sequence and once by the tail call
    assert report.functions["leaf"] == 2 * (1 + BX_LR)


def test_same_program_counts_the_same_twice(report: CycleReport, tmp_path: Path) -> None:
    assert _emulate(tmp_path) == report


def test_function_that_was_never_called_is_an_error(report: CycleReport) -> None:
    with pytest.raises(DeviceError, match="watch it"):
        report.of("not_in_the_image")


def test_plugin_is_not_compiled_again_when_sources_are_older() -> None:
    first = build_plugin().stat().st_mtime_ns
    assert build_plugin().stat().st_mtime_ns == first
