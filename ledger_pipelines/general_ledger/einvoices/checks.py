"""Whether a document's figures agree, each by its rule of EN 16931 or Peppol (rules/general_ledger.md, E-invoices)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import ROUND_HALF_UP, Decimal, localcontext

from ledger_pipelines.en16931 import Document, VatBreakdown
from ledger_pipelines.money import CENT, format_amount

#: The rules' names of the VAT categories, whose numbers are the same for all.
_CATEGORIES = {
    **{"S": "BR-S", "Z": "BR-Z", "E": "BR-E", "AE": "BR-AE", "K": "BR-IC", "G": "BR-G", "O": "BR-O"},
    **{"L": "BR-AF", "M": "BR-AG", "B": "BR-B"},
}
#: Those without VAT, which have one breakdown whatever the rate; the others have one for each rate.
UNTAXED = frozenset(["Z", "E", "AE", "K", "G", "O"])
_PEPPOL = "urn:fdc:peppol.eu:2017:poacc:billing:3.0"
_SLACK = Decimal("0.02")
_ZERO = Decimal(0)
#: Enough for the product of two numbers of 18 digits.
_PRECISION = 60


def failures_of(document: Document) -> list[str]:
    """A sentence for each rule that the document breaks, which begins with the rule's name; none where it is right."""
    with localcontext() as context:
        context.prec = _PRECISION
        return list(dict.fromkeys(failure for rule in _RULES for failure in rule(document)))


def _currencies(document: Document) -> Iterator[str]:
    for name, currency in document.strange_amounts:
        theirs = f"in {currency}" if currency else "in no currency"
        yield f"PEPPOL-EN16931-R051: {name} is {theirs}, the document in {document.currency}."


def _decimals(document: Document) -> Iterator[str]:
    totals = document.totals
    amounts: list[tuple[int, str, Decimal | None]] = [
        *((1 + 4 * one.is_charge, _called(one.is_charge), one.amount) for one in document.allowances_charges),
        (9, "the sum of lines", totals.lines),
        (10, "the sum of allowances", totals.allowances),
        (11, "the sum of charges", totals.charges),
        (12, "the total without VAT", totals.net),
        (13, "the VAT", totals.tax),
        (14, "the total with VAT", totals.gross),
        (15, "the VAT in the other currency", document.other_tax),
        (16, "the prepaid amount", totals.prepaid),
        (17, "the rounding", totals.rounding),
        (18, "the amount due", totals.payable),
        *((19, "a taxable amount", one.base) for one in document.vat),
        *((20, "a category's VAT", one.tax) for one in document.vat),
        *((23, f"the net amount of line {line.number}", line.net) for line in document.lines),
    ]
    for number, what, amount in amounts:
        if amount is not None and amount != amount.quantize(CENT):
            yield f"BR-DEC-{number:02}: {what} is {amount}, with more than two decimals."


def _sums(document: Document) -> Iterator[str]:
    totals, currency = document.totals, document.currency
    allowances = sum((one.amount for one in document.allowances_charges if not one.is_charge), _ZERO)
    charges = sum((one.amount for one in document.allowances_charges if one.is_charge), _ZERO)
    stated_allowances, stated_charges = totals.allowances or _ZERO, totals.charges or _ZERO
    equal = _Equal(currency)
    yield from equal(
        "BR-CO-10",
        "the sum of lines",
        totals.lines,
        sum((line.net for line in document.lines), _ZERO),
        "they are",
    )
    yield from equal("BR-CO-11", "the sum of allowances", stated_allowances, allowances, "they are")
    yield from equal("BR-CO-12", "the sum of charges", stated_charges, charges, "they are")
    yield from equal(
        "BR-CO-13",
        "the total without VAT",
        totals.net,
        totals.lines - stated_allowances + stated_charges,
        "lines less allowances and charges are",
    )
    if totals.tax is None:
        yield f"BR-CO-15: the document states no total of VAT in {currency}."
    tax = totals.tax or _ZERO
    yield from equal(
        "BR-CO-14",
        "the total of VAT",
        tax,
        sum((one.tax for one in document.vat), _ZERO),
        "its categories are",
    )
    yield from equal("BR-CO-15", "the total with VAT", totals.gross, totals.net + tax, "net and VAT are")
    yield from equal(
        "BR-CO-16",
        "the amount due",
        totals.payable,
        totals.gross - (totals.prepaid or _ZERO) + (totals.rounding or _ZERO),
        "total less prepaid and rounding are",
    )


def _vat(document: Document) -> Iterator[str]:
    if not document.vat:
        yield "BR-CO-18: the document has no VAT breakdown, at least one category is needed."
    for one in document.vat:
        yield from _vat_of(one, document.currency)


def _vat_of(one: VatBreakdown, currency: str) -> Iterator[str]:
    what = _category(one.category, one.rate)
    if one.category in UNTAXED:
        if one.tax:
            text = format_amount(one.tax, currency)
            yield f"{_CATEGORIES[one.category]}-09: the VAT of {what} is {text}, and must be 0.00."
    elif one.rate is None:
        yield f"BR-48: the VAT of {what} is {format_amount(one.tax, currency)} and has no rate."
    expected = (one.base * (one.rate or _ZERO) / 100).quantize(CENT, ROUND_HALF_UP)
    if abs(one.tax - expected) >= 1:
        yield (
            f"BR-CO-17: the VAT of {what} is {format_amount(one.tax, currency)}, its rate of "
            f"{format_amount(one.base, currency)} is {format_amount(expected, currency)}."
        )


def _bases(document: Document) -> Iterator[str]:
    """Each breakdown's taxable amount is that of its lines, allowances and charges, and every one of them has one."""
    amounts: dict[tuple[str, Decimal | None], Decimal] = {}
    for category, rate, amount in parts_of(document):
        key = _key(category, rate)
        amounts[key] = amounts.get(key, _ZERO) + amount
    stated = {_key(one.category, one.rate) for one in document.vat}
    for one in document.vat:
        rule, found = _CATEGORIES.get(one.category), amounts.get(_key(one.category, one.rate), _ZERO)
        is_wrong = one.base != found if one.category in UNTAXED else abs(one.base - found) >= 1
        if rule and is_wrong:
            yield (
                f"{rule}-08: the taxable amount of {_category(one.category, one.rate)} is "
                f"{format_amount(one.base, document.currency)}, its lines are {format_amount(found, document.currency)}."
            )
    for (category, rate), amount in amounts.items():
        if category in _CATEGORIES and (category, rate) not in stated:
            yield (
                f"{_CATEGORIES[category]}-01: lines of {format_amount(amount, document.currency)} are of "
                f"{_category(category, rate)}, which has no VAT breakdown."
            )


def parts_of(document: Document) -> Iterator[tuple[str, Decimal | None, Decimal]]:
    """Category, rate and amount of each line, allowance (negative) and charge."""
    for line in document.lines:
        yield line.category or "", line.rate, line.net
    for one in document.allowances_charges:
        yield one.category or "", one.rate, one.amount if one.is_charge else -one.amount


def _categories(document: Document) -> Iterator[str]:
    in_totals = [one.category for one in document.vat] + [one.category for one in document.allowances_charges]
    yield from _unknown("BR-CL-17", "a VAT breakdown, allowance or charge", in_totals)
    yield from _unknown("BR-CL-18", "a line", [line.category for line in document.lines])


def _unknown(rule: str, what: str, categories: Iterable[str | None]) -> Iterator[str]:
    for category in categories:
        if category not in _CATEGORIES:
            yield f"{rule}: {what} has the VAT category {category or ''!r}; {', '.join(_CATEGORIES)} are taken."


def _prices(document: Document) -> Iterator[str]:
    if _PEPPOL not in document.head.specification:
        return
    for line in document.lines:
        base = Decimal(1) if line.base_quantity is None else line.base_quantity
        if base <= 0:
            yield f"PEPPOL-EN16931-R121: the base quantity of line {line.number} is {base}, and must be above 0."
            continue
        quantity = Decimal(1) if line.quantity is None else line.quantity
        computed = quantity * (line.price or _ZERO) / base + sum(line.charges) - sum(line.allowances)
        if abs(line.net - computed) > _SLACK:
            yield (
                f"PEPPOL-EN16931-R120: the net amount of line {line.number} is "
                f"{format_amount(line.net, document.currency)}, its quantity and price make "
                f"{format_amount(computed.quantize(CENT, ROUND_HALF_UP), document.currency)}."
            )


class _Equal:
    """Says where a stated amount is not the one that the document's other figures make."""

    def __init__(self, currency: str) -> None:
        self._currency = currency

    def __call__(
        self, rule: str, what: str, stated: Decimal, computed: Decimal, made_of: str
    ) -> Iterator[str]:
        if stated != computed:
            text = (format_amount(amount, self._currency) for amount in (stated, computed))
            yield f"{rule}: {what} is {next(text)}, {made_of} {next(text)}."


def _key(category: str, rate: Decimal | None) -> tuple[str, Decimal | None]:
    return category, None if category in UNTAXED else rate


def _category(category: str, rate: Decimal | None) -> str:
    return category if rate is None or category in UNTAXED else f"{category} {rate.normalize():f}"


def _called(is_charge: bool) -> str:
    return "a charge" if is_charge else "an allowance"


_RULES: tuple[Callable[[Document], Iterator[str]], ...] = (
    _currencies,
    _decimals,
    _sums,
    _vat,
    _bases,
    _categories,
    _prices,
)
