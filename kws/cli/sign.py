# SPDX-License-Identifier: Apache-2.0
"""``kws sign``: keys and signatures of bundles, for boards that take signed ones only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Sign bundles for boards that take signed updates only.")


@app.command("new-key")
def new_key(
    key: Annotated[Path, typer.Argument(help="Secret key to write; the public one goes beside it, as NAME.pub.")],
) -> None:
    """Make a pair of keys: one that signs and stays secret, one that firmware is built with."""
    from kws.device import signature
    from kws.files import prepare_output

    prepare_output(key, "KEY")
    public = signature.new_key(key)
    typer.echo(f"wrote {key} (keep it secret, and keep a copy) and {public} (kws flash ... --update-key {public})")


@app.command("bundle")
def bundle(
    bundle: Annotated[Path, typer.Argument(help="Bundle NAME.kws; its signature is written to NAME.kws.sig.")],
    key: Annotated[Path, typer.Option(help="Secret key of `kws sign new-key`.")],
    version: Annotated[int, typer.Option(help="Its version: a board takes none lower than the one it has.")],
) -> None:
    """Sign a bundle; `kws update` sends the signature with it."""
    from kws.bundle import Bundle
    from kws.device.signature import sign_bundle, signature_path

    signature = sign_bundle(Bundle.load(bundle), key, version)
    signature.save(signature_path(bundle))
    typer.echo(f"wrote {signature_path(bundle)}: version {version}")
