"""Stacked bars over months as inline SVG, with a title, a description, and the table of the same numbers behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from markupsafe import Markup

from ledger_pipelines.exports.bar_charts import Bar, Panel, svg
from ledger_pipelines.money import format_amount
from ledger_pipelines.months import format_month


def stacked(
    title: str,
    months: Sequence[str],
    series: Mapping[str, Sequence[Decimal]],
    currency: str,
    *,
    description: str = "",
) -> Markup:
    """A figure: for each month a bar of the series on top of each other, negative ones below the axis.

    `series` has an amount for each month by the series' name; six have colours of their own.
    """
    colours = {name: f".series-{number % 6 + 1}" for number, name in enumerate(series)}
    bars = []
    for place in range(len(months)):
        above = below = Decimal(0)
        for name, amounts in series.items():
            amount = amounts[place]
            if amount > 0:
                bars.append(Bar(place, above, above + amount, colours[name]))
                above += amount
            elif amount < 0:
                bars.append(Bar(place, below + amount, below, colours[name]))
                below += amount
    legend = {colours[name]: name for name in series}
    drawn = svg([Panel(months, currency, bars)], legend, title, description)
    return Markup('<figure class="chart">{}{}</figure>').format(
        Markup(drawn),  # noqa: S704 - every text in it is escaped where it is drawn
        _table(title, months, series, currency),
    )


def waterfall(currency: str, rows: Sequence[Mapping[str, Any]]) -> Markup:
    """Deferred revenue by month: up by what was invoiced, down by what was recognised. `rows` are in order."""
    half = Decimal("0.5")
    bars = []
    for place, row in enumerate(rows):
        opening, closing = row["opening"], row["closing"]
        top = opening + row["invoiced"]
        bars += [
            Bar(place, min(opening, top), max(opening, top), ".series-2", right=half),
            Bar(place, min(top, closing), max(top, closing), ".series-3", left=half),
            Bar(place, closing, closing, ".series-1"),
        ]
    months = [format_month(row["month"]) for row in rows]
    legend = {".series-2": "Invoiced", ".series-3": "Recognised", ".series-1": "Closing"}
    title = f"Deferred revenue by month, {currency}"
    last = (
        f"It closes {months[-1]} at {format_amount(rows[-1]['closing'], currency)} {currency}."
        if rows
        else ""
    )
    drawn = svg([Panel(months, currency, bars)], legend, title, last)
    names = ("opening", "invoiced", "recognised", "closing")
    series = {name.title(): [row[name] for row in rows] for name in names}
    return Markup('<figure class="chart">{}{}</figure>').format(
        Markup(drawn),  # noqa: S704 - every text in it is escaped where it is drawn
        _table(title, months, series, currency),
    )


def _table(
    title: str, months: Sequence[str], series: Mapping[str, Sequence[Decimal]], currency: str
) -> Markup:
    heads = Markup("").join(Markup('<th scope="col" class="number">{}</th>').format(name) for name in series)
    rows = Markup("").join(
        Markup('<tr><th scope="row">{}</th>{}</tr>').format(
            month,
            Markup("").join(
                Markup('<td class="number">{}</td>').format(format_amount(amounts[place], currency))
                for amounts in series.values()
            ),
        )
        for place, month in enumerate(months)
    )
    return Markup(
        '<details><summary>The numbers behind it ({})</summary><div class="scroll" tabindex="0" role="region" '
        'aria-label="{}"><table><thead><tr><th scope="col">Month</th>{}</tr></thead><tbody>{}</tbody></table></div>'
        "</details>"
    ).format(currency, title, heads, rows)
