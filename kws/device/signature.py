# SPDX-License-Identifier: Apache-2.0
"""Signatures of bundles, for boards that take no others over their serial line (``firmware/signature``).

What is signed, with Ed25519 (RFC 8032), is a head (``kws_update_signed_t``) and the bundle behind it. The signature
lies beside the bundle, in ``NAME.kws.sig``: the bundle keeps its bytes. Keys are files too: the secret one in the
usual PEM (PKCS #8), the public one as a line of 64 hexadecimal digits, which the firmware is built with.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kws import extras
from kws.bundle import Bundle
from kws.core import ffi, lib
from kws.device.protocol import pack
from kws.errors import BundleError, ConfigError
from kws.files import written_whole

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

MAX_VERSION = 0xFFFFFFFE
"""All ones is what a board reads where no version was written."""
_SIGNATURE_BYTES = int(ffi.sizeof(ffi.new("kws_message_update_signature_t *").signature))
_TEXT = re.compile(rf"version ([0-9]{{1,10}})\nsignature ([0-9a-f]{{{2 * _SIGNATURE_BYTES}}})\n")


@dataclass(frozen=True, kw_only=True)
class Signature:
    """A version of a bundle, and the signature that a board asks for."""

    version: int
    """A board takes none that is lower than the one it has confirmed; 1 to `MAX_VERSION`."""
    signature: bytes
    """Ed25519, 64 bytes."""

    def save(self, path: Path) -> None:
        """Write it as two lines of text, as a whole or not at all.

        Raises
        ------
        ConfigError
            If it cannot be written.
        """
        try:
            with written_whole(path) as part:
                part.write_text(f"version {self.version}\nsignature {self.signature.hex()}\n", encoding="ascii")
        except OSError as error:
            raise ConfigError(
                f"{path}: cannot be written ({error.strerror}); sign a copy in a folder of your own"
            ) from error

    @classmethod
    def load(cls, path: Path) -> Signature:
        """Read what :meth:`save` wrote.

        Raises
        ------
        BundleError
            If it is something else, or cannot be read.
        """
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise BundleError(f"{path}: cannot be read ({error.strerror}); sign the bundle again") from error
        found = _TEXT.fullmatch(text)
        if found is None or not 1 <= int(found[1]) <= MAX_VERSION:
            raise BundleError(f"{path}: expected the two lines that 'kws sign bundle' writes; sign the bundle again")
        return cls(version=int(found[1]), signature=bytes.fromhex(found[2]))

    def message(self) -> bytes:
        """Return what a board is sent: ``kws_message_update_signature_t``."""
        return pack("update_signature", version=self.version, signature=list(self.signature))


def signature_path(bundle: Path) -> Path:
    """Return where the signature of a bundle lies: beside it."""
    return bundle.with_name(f"{bundle.name}.sig")


def load_signature(bundle: Path) -> Signature | None:
    """Return the signature of a bundle; None when it has none.

    Raises
    ------
    BundleError
        If what lies beside it is no signature.
    """
    path = signature_path(bundle)
    return Signature.load(path) if path.exists() else None


def sign_bundle(bundle: Bundle, key: Path, version: int) -> Signature:
    """Sign a bundle.

    Parameters
    ----------
    bundle : Bundle
    key : path
        A secret Ed25519 key in PEM, without a password: of :func:`new_key`, or of ``openssl genpkey``.
    version : int
        1 to `MAX_VERSION`.

    Raises
    ------
    ConfigError
        If the file holds no such key, or there is no such version.
    ToolMissingError
        If ``cryptography`` is not installed.
    """
    if not 1 <= version <= MAX_VERSION:
        raise ConfigError(f"--version: expected 1 to {MAX_VERSION}, got {version}")
    head = ffi.new("kws_update_signed_t *", {"magic": lib.KWS_UPDATE_SIGNED, "version": version})
    signature = _secret_key(key).sign(bytes(ffi.buffer(head)) + bytes(bundle.data))
    return Signature(version=version, signature=signature)


def new_key(path: Path) -> Path:
    """Make a pair of keys: the secret one at a path that only its owner may read, the public one beside it.

    Returns
    -------
    path
        Of the public key: the same name with the suffix ``.pub``.

    Raises
    ------
    ConfigError
        If one of the files is there: what was signed with it could not be followed any more. If the path ends in
        ``.pub``: the public key would take the place of the secret one.
    ToolMissingError
        If ``cryptography`` is not installed.
    """
    extras.require("making keys", "sign")
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    public = path.with_suffix(".pub")
    if path.suffix.lower() == public.suffix:
        raise ConfigError(
            f"{path}: expected the name of the secret key, {path.with_suffix('.key')} for example; the "
            "public one goes beside it, with .pub"
        )
    for file in (path, public):
        if file.exists():
            raise ConfigError(f"{file} is there, and keys are not overwritten; name another file, or move it away")
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(pem)
    public.write_text(key.public_key().public_bytes_raw().hex() + "\n", encoding="ascii")
    return public


def _secret_key(path: Path) -> Ed25519PrivateKey:
    extras.require("signing", "sign")
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; 'kws sign new-key' makes a key") from error
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(
            f"{path}: expected a secret Ed25519 key in PEM, without a password; 'kws sign new-key' makes one"
        )
    return key
