"""Bars over months, as SVG: what Dagster's pages and the console show as a picture.

Drawn here and not by a plotting library: loading one and drawing two pictures was a sixth of the time of a month's close,
and a picture of pixels is twenty times as large in every run's history.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from html import escape

#: Pixels: the picture's width, a panel's height, and what stands left of, right of and below the bars.
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _BELOW, _ABOVE = 800, 280, 92, 150, 56, 16
_GREY = "#999999"
#: Steps of an axis that people like to read, from which tens and hundreds of them follow.
_STEPS = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar from one amount to another. `left` and `right` are where it stands in its month, from 0 to 1."""

    month: int
    low: Decimal
    high: Decimal
    colour: str
    left: Decimal = Decimal("0.1")
    right: Decimal = Decimal("0.9")


@dataclass(frozen=True, slots=True)
class Panel:
    """Bars over the same months in one currency; each month is named below."""

    months: Sequence[str]
    currency: str
    bars: Sequence[Bar] = field(default_factory=tuple)


def svg(panels: Sequence[Panel], legend: Mapping[str, str], title: str, description: str = "") -> str:
    """The panels one below the other, with a legend of colours and what they mean.

    A colour is one of SVG's, or begins with a point: then it is the name of a class, which a style sheet colours.
    """
    drawn = [_panel(panel, place * _HEIGHT) for place, panel in enumerate(panels)]
    height = max(1, len(panels)) * _HEIGHT
    words = f"<title>{escape(title)}</title>" + (f"<desc>{escape(description)}</desc>" if description else "")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="11">'
        f"{words}{''.join(drawn)}{_legend(legend)}</svg>"
    )


def ticks(low: Decimal, high: Decimal) -> list[Decimal]:
    """Round amounts, from at most `low` to at least `high`, with 0 among them where it is between."""
    spread = high - low
    if spread <= 0:
        return [low]
    power = Decimal(10) ** ((spread / 5).adjusted())
    step = next(power * one for one in _STEPS if power * one * 5 >= spread)
    first, last = (
        (low / step).to_integral_value("ROUND_FLOOR"),
        (high / step).to_integral_value("ROUND_CEILING"),
    )
    return [step * number for number in range(int(first), int(last) + 1)]


def _panel(panel: Panel, top: int) -> str:
    amounts = [Decimal(0), *(end for bar in panel.bars for end in (bar.low, bar.high))]
    marks = ticks(min(amounts), max(amounts))
    ceiling, floor = max(*marks, marks[0] + 1), marks[0]
    plot = _HEIGHT - _ABOVE - _BELOW
    stride = Decimal(_WIDTH - _LEFT - _RIGHT) / max(1, len(panel.months))

    def across(place: Decimal) -> int:
        return round(_LEFT + place * stride)

    def down(amount: Decimal) -> int:
        return top + _ABOVE + round((ceiling - amount) * plot / (ceiling - floor))

    parts = []
    places = max(0, *(-int(mark.normalize().as_tuple().exponent) for mark in marks))
    for mark in marks:
        colour, kind = (_GREY, "axis") if mark == 0 else ("#e3e3e3", "grid")
        parts.append(f'<path class="{kind}" stroke="{colour}" d="M{_LEFT} {down(mark)}H{_WIDTH - _RIGHT}"/>')
        parts.append(
            f'<text x="{_LEFT - 6}" y="{down(mark) + 4}" text-anchor="end">{mark + 0:,.{places}f}</text>'
        )
    for bar in panel.bars:
        left, right = across(bar.month + bar.left), across(bar.month + bar.right)
        upper, lower = down(bar.high), down(bar.low)
        # A bar of nothing, or of a single amount, is a line.
        height = max(1, lower - upper)
        parts.append(
            f'<rect x="{left}" y="{upper}" width="{right - left}" height="{height}" {_filled(bar.colour)}/>'
        )
    below = top + _HEIGHT - _BELOW + 14
    for number, month in enumerate(panel.months):
        middle = across(number + Decimal("0.6"))
        parts.append(
            f'<text x="{middle}" y="{below}" text-anchor="end" transform="rotate(-45 {middle} {below})">'
            f"{escape(month)}</text>"
        )
    parts.append(f'<text x="8" y="{top + _ABOVE + 4}" font-weight="bold">{escape(panel.currency)}</text>')
    return "".join(parts)


def _legend(legend: Mapping[str, str]) -> str:
    left = _WIDTH - _RIGHT + 12
    return "".join(
        f'<rect x="{left}" y="{_ABOVE + number * 20}" width="12" height="12" {_filled(colour)}/>'
        f'<text x="{left + 18}" y="{_ABOVE + 10 + number * 20}">{escape(meaning)}</text>'
        for number, (colour, meaning) in enumerate(legend.items())
    )


def _filled(colour: str) -> str:
    return f'class="{colour[1:]}"' if colour.startswith(".") else f'fill="{colour}"'
