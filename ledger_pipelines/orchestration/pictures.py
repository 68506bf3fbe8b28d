"""Bar charts as Dagster's pages show them."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from ledger_pipelines.exports.bar_charts import Panel, svg


def picture(panels: Sequence[Panel], legend: Mapping[str, str], title: str) -> dg.MetadataValue[Any]:
    """The panels one below the other, with a legend of colours and what they mean, as a picture in Markdown."""
    encoded = base64.b64encode(svg(panels, legend, title).encode()).decode()
    return dg.MetadataValue.md(f"![{title}](data:image/svg+xml;base64,{encoded})")
