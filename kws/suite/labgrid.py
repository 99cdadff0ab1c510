# SPDX-License-Identifier: Apache-2.0
"""Boards that labgrid manages: its environment says where a serial port is, and this makes a pyserial URL of it.

labgrid is no dependency: who has boards in it has it installed. Places must be acquired as usual
(``labgrid-client acquire``); switching power and waiting for a free place stay labgrid's.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kws.errors import DeviceError, ToolMissingError

_ANSWER_S = 10
"""So long a serial server may take to answer to what it is asked to set. Control lines, which not every port has, are
not waited for."""


@contextmanager
def serial_url(environment: Path, target: str) -> Iterator[str]:
    """Give the URL of a target's serial port.

    Parameters
    ----------
    environment : path
        labgrid's YAML file.
    target : str
        Name of a target in it, which has a ``RawSerialPort`` or a ``NetworkSerialPort``, its own or a remote place's.

    Raises
    ------
    ToolMissingError
        If labgrid is not installed.
    DeviceError
        If the environment has no such target, or the target no serial port.
    """
    try:
        labgrid = importlib.import_module("labgrid")
    except ImportError as error:
        raise ToolMissingError(
            f"{environment}: a board of labgrid needs labgrid, which is not installed; run: pip install labgrid"
        ) from error
    opened = labgrid.Environment(str(environment))
    try:
        found = opened.get_target(target)
        if found is None:
            raise DeviceError(f"{environment}: expected a target named {target!r} and there is none")
        yield _url(environment, target, found)
    finally:
        opened.cleanup()


def _url(environment: Path, target: str, found: Any) -> str:
    resources = {type(resource).__name__: resource for resource in found.resources}
    found.await_resources(found.resources)
    if (network := resources.get("NetworkSerialPort")) is not None:
        proxies = importlib.import_module("labgrid.util.proxy").proxymanager  # where a network is not to be reached
        host, port = proxies.get_host_and_port(network)
        if network.protocol == "rfc2217":
            return f"rfc2217://{host}:{port}?ign_set_control&timeout={_ANSWER_S}"
        return f"socket://{host}:{port}"
    if (local := resources.get("RawSerialPort") or resources.get("USBSerialPort")) is not None:
        return str(local.port)
    raise DeviceError(
        f"{environment}: the target {target!r} has {', '.join(resources) or 'no resources'}; expected a serial port "
        "(NetworkSerialPort, RawSerialPort or USBSerialPort)"
    )
