# SPDX-License-Identifier: Apache-2.0
"""Every register, field and interrupt number of the drivers against the chip makers' SVD files (in pyOCD's package)."""

from __future__ import annotations

import functools
import importlib.util
import re
import xml.etree.ElementTree as ET
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from kws.device.build import FIRMWARE


@dataclass(frozen=True)
class Register:
    address: int
    increments: tuple[int, ...]
    fields: dict[str, tuple[int, int, dict[str, int]]]
    """Name -> lowest bit, highest bit, values by name."""


def number(text: str | None) -> int:
    return int(text or "0", 0)


def plain(name: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", name.upper())


def bits(field: ET.Element) -> tuple[int, int]:
    if (text := field.findtext("bitRange")) is not None:
        high, low = re.findall(r"\d+", text)
        return int(low), int(high)
    if field.findtext("lsb") is not None:
        return number(field.findtext("lsb")), number(field.findtext("msb"))
    low = number(field.findtext("bitOffset"))
    return low, low + number(field.findtext("bitWidth")) - 1


def values(field: ET.Element) -> dict[str, int]:
    return {plain(str(item.findtext("name"))): number(item.findtext("value")) for item in field.iter("enumeratedValue")}


@functools.cache
def chip(svd: str) -> tuple[dict[str, Register], dict[str, int]]:
    """Registers by PERIPHERAL_REGISTER, and interrupt numbers."""
    package = importlib.util.find_spec("pyocd")
    assert package is not None, "pyOCD is missing: run make setup"
    archive = Path(str(package.origin)).parent / "debug" / "svd" / "svd_data.zip"
    root = ET.fromstring(zipfile.ZipFile(archive).read(svd))
    peripherals = {str(item.findtext("name")): item for item in root.iter("peripheral")}
    registers: dict[str, Register] = {}
    interrupts: dict[str, int] = {}

    def walk(node: ET.Element, prefix: str, base: int, increments: tuple[int, ...]) -> None:
        for child in node:
            if child.tag not in ("register", "cluster"):
                continue
            name = str(child.findtext("name")).replace("[%s]", "").replace("%s", "")
            here = base + number(child.findtext("addressOffset"))
            steps = increments
            if child.findtext("dim") is not None:
                steps = (*increments, number(child.findtext("dimIncrement")))
            if child.tag == "cluster":
                walk(child, f"{prefix}{name}_", here, steps)
                continue
            fields = {
                plain(str(field.findtext("name"))): (
                    *bits(field),
                    {
                        plain(str(v.findtext("name"))): number(v.findtext("value"))
                        for v in field.iter("enumeratedValue")
                    },
                )
                for field in child.iter("field")
            }
            registers[f"{prefix}{name}"] = Register(here, steps, fields)

    for name, peripheral in peripherals.items():
        source = peripherals[peripheral.get("derivedFrom", name)]
        body = peripheral.find("registers")
        body = body if body is not None else source.find("registers")
        if body is not None:
            walk(body, f"{name}_", number(peripheral.findtext("baseAddress")), ())
        for interrupt in peripheral.iter("interrupt"):
            interrupts[str(interrupt.findtext("name"))] = number(interrupt.findtext("value"))
    return registers, interrupts


REGISTER = re.compile(r"^#define (\w+?)(\([\w, ]+\))?\s+\w+_REGISTER\((.*)\)$", re.MULTILINE)
CONSTANT = re.compile(r"^#define ([A-Z]\w+)\s+\((0x[0-9A-Fa-f]+|\d+)u << (\d+)\)$", re.MULTILINE)
ELSEWHERE = {"NRF52_APPROTECT_DISABLE", "NRF52_UICR_APPROTECT", "NRF52_ERRATA_KEY"}
ELSEWHERE |= {f"NRF52_ERRATA_{number}" for number in (166, 171, 187, 199)}
"""Not in the SVD; the header says where they come from."""
HEADERS = [("mcu/nrf52/nrf52840.h", "nrf52840.svd"), ("mcu/stm32f4/stm32f4.h", "STM32F429x.svd")]
"""No SVD of the F405 and F407 comes with pyOCD; ST's headers for them and the F429 agree in what is used."""


def defined(header: str, svd: str) -> tuple[list[tuple[str, str]], list[tuple[str, int, int]]]:
    text = (FIRMWARE / header).read_text(encoding="utf-8")
    registers = [(found[1], found[3]) for found in REGISTER.finditer(text) if found[1] not in ELSEWHERE]
    constants = [(found[1], int(found[2], 0), int(found[3])) for found in CONSTANT.finditer(text)]
    uncovered = set(re.findall(r"^#define (\w+)", text, re.MULTILINE))
    uncovered -= {name for name, _ in registers} | {name for name, _, _ in constants} | ELSEWHERE
    assert all(name.startswith("KWS_") or name.endswith("_REGISTER") for name in uncovered), uncovered
    return registers, constants


@pytest.mark.parametrize(("header", "svd"), HEADERS)
def test_every_register_lies_where_the_chip_has_it(header: str, svd: str) -> None:
    known, _ = chip(svd)
    registers, _ = defined(header, svd)
    assert len(registers) > 30
    for name, formula in registers:
        terms = [term.strip() for term in formula.split("+")]
        register = known[name]
        assert int(terms[0].rstrip("u"), 0) == register.address, name
        steps = sorted(int(term.split("*")[0].strip().rstrip("u"), 0) for term in terms[1:])
        expected = list(register.increments)
        for first, second in (("P0_", "P1_"), ("GPIOA_", "GPIOB_")):  # the port is an index too
            if name.startswith(first):
                expected.append(known[name.replace(first, second)].address - register.address)
        assert steps == sorted(expected), name


@pytest.mark.parametrize(("header", "svd"), HEADERS)
def test_every_constant_is_a_field_of_its_register_with_that_value(header: str, svd: str) -> None:
    known, _ = chip(svd)
    registers, constants = defined(header, svd)
    names = sorted((name for name, _ in registers), key=len, reverse=True)
    assert len(constants) > 30
    for name, value, shift in constants:
        register = next(candidate for candidate in names if name.startswith(f"{candidate}_"))
        rest = plain(name.removeprefix(f"{register}_"))
        fields = known[register].fields
        field = next(item for item in sorted(fields, key=len, reverse=True) if rest.startswith(item))
        low, high, named = fields[field]
        assert shift == low, name
        assert value < 1 << (high - low + 1), name
        if rest != field:
            assert named[rest.removeprefix(field)] == value, name
        else:
            assert value == 1 or high > low, name  # a flag, or a value that has no name


@pytest.mark.parametrize(("header", "svd"), HEADERS)
def test_every_interrupt_has_its_number(header: str, svd: str) -> None:
    _, numbers = chip(svd)
    text = (FIRMWARE / header).read_text(encoding="utf-8")
    interrupts = re.findall(r"^    (\w+)_IRQ = (\d+)", text, re.MULTILINE)
    assert interrupts
    for name, value in interrupts:
        candidates = {known: number for known, number in numbers.items() if name == known or name in known.split("_")}
        assert int(value) in candidates.values(), (name, candidates)
