# SPDX-License-Identifier: Apache-2.0
"""The little that notebooks need: data frames, and pages that keep to themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from kws.errors import ToolMissingError

if TYPE_CHECKING:
    import pandas


def data_frame(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> pandas.DataFrame:
    """Return a pandas data frame.

    Raises
    ------
    ToolMissingError
        If pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise ToolMissingError("to_frame() needs pandas, which is not installed; run: pip install pandas") from error
    return pandas.DataFrame(rows, columns=list(columns))


def in_frame(make_page: Callable[[], str], height_pixels: int) -> str | None:
    """Show a page of `kws.report` in a notebook cell, in a frame so that its style does not reach the notebook's own.

    None where jinja2 is missing: the notebook then shows the text instead.
    """
    try:
        page = make_page()
    except (ToolMissingError, ImportError):
        return None
    style = f"width:100%;height:{height_pixels}px;border:0"
    return f'<iframe srcdoc="{escape(page, quote=True)}" style="{style}"></iframe>'
