"""The rules of imported entries: months, keys, sides and parties (rules/general_ledger.md, SAF-T)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pyarrow as pa
import pytest

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.general_ledger.imported.keys import numbers, refuse_alike, revisions, source_ids
from ledger_pipelines.general_ledger.imported.lines import turned
from ledger_pipelines.general_ledger.imported.masters import account_kind
from ledger_pipelines.general_ledger.imported.months import do_dates_decide, posting
from ledger_pipelines.general_ledger.imported.opening import opening_day
from ledger_pipelines.general_ledger.imported.parties import identity
from ledger_pipelines.tables.general_ledger import LEDGER_AMOUNT


def dated(*rows: tuple[int, int, date]) -> pa.Table:
    """Entries of a year and period, each with its date."""
    years, periods, days = zip(*rows, strict=True)
    return pa.table(
        {
            "year": pa.array(years, pa.int32()),
            "period": pa.array(periods, pa.int32()),
            "date": pa.array(days, pa.date32()),
        }
    )


@pytest.mark.parametrize(
    ("year", "period", "day", "month", "posted"),
    [
        (2017, 2, date(2017, 2, 8), date(2017, 2, 1), date(2017, 2, 8)),
        (2017, 13, date(2018, 1, 15), date(2017, 12, 1), date(2017, 12, 31)),
        (2017, 99, date(2017, 12, 5), date(2017, 12, 1), date(2017, 12, 5)),
        (2017, 0, date(2017, 1, 5), date(2017, 1, 1), date(2017, 1, 5)),
        (2016, 2, date(2016, 1, 31), date(2016, 2, 1), date(2016, 2, 29)),
    ],
)
def test_an_entry_counts_in_its_period(year: int, period: int, day: date, month: date, posted: date) -> None:
    entries = dated((year, period, day))
    months, days = posting(entries, by_date=False)
    assert (months.to_pylist(), days.to_pylist()) == ([month], [posted])


def test_dates_decide_where_more_than_half_of_the_periods_disagree_with_them() -> None:
    right, wrong = (2017, 2, date(2017, 2, 8)), (2017, 1, date(2017, 7, 8))
    assert not do_dates_decide(dated(right, wrong))
    assert do_dates_decide(dated(right, wrong, wrong))
    months, days = posting(dated(wrong), by_date=True)
    assert (months.to_pylist(), days.to_pylist()) == ([date(2017, 7, 1)], [date(2017, 7, 8)])
    # What is posted after the year's end is dated after it by intent.
    assert not do_dates_decide(dated((2017, 13, date(2018, 1, 15))))


def test_numbers_start_anew_in_each_journal_and_year() -> None:
    entries = pa.table(
        {
            "year": pa.array([2015, 2016, 2015, 2015], pa.int32()),
            "journal": ["A", "A", "A/B", "A"],
            "transaction": ["4567", "4567", "1", "B/1#2"],
        }
    )
    ids = source_ids(entries).to_pylist()
    assert ids == ["2015/A/4567", "2016/A/4567", "2015/A%2FB/1", "2015/A/B%2F1%232"]
    assert numbers(entries).to_pylist()[0] == "A-4567"


def test_the_second_entry_with_a_key_is_number_two() -> None:
    assert revisions(pa.chunked_array([["a", "b", "a", "c", "a"]])).to_pylist() == [0, 0, 2, 0, 3]
    refuse_alike({"a": ["one", "another"]})
    with pytest.raises(LedgerError, match=r"2015/A/1 .* twice"):
        refuse_alike({"2015/A/1": ["one", "another", "one"]})


def test_a_negative_amount_stands_on_the_other_side_and_zero_stays() -> None:
    amounts = {
        "debit": ["-5", None, "0", "7"],
        "credit": [None, "-3", None, None],
        "vat_base": ["-20", "12", "0", "-28"],
    }
    lines = pa.table(
        {
            name: pa.array([None if one is None else Decimal(one) for one in column], LEDGER_AMOUNT)
            for name, column in amounts.items()
        }
    )
    debit, credit, base = (column.to_pylist() for column in turned(lines))
    assert debit == [None, 3, 0, 7]
    assert credit == [5, None, None, None]
    assert base == [20, 12, 0, -28]


@pytest.mark.parametrize(
    ("text", "country", "number"),
    [
        ("NO 974 760 673 MVA", None, "974760673"),
        ("974760673", "NO", "974760673"),
        ("999999999", None, "999999999"),
        ("000000000", "NO", None),
        ("974760674", "NO", None),
        ("123", "NO", None),
        ("", None, None),
        (None, None, None),
        ("SE556677889901", "SE", "SE556677889901"),
        ("556677889901", "SE", "556677889901"),
        ("123456789", "DK", "123456789"),
        ("1111", "SE", None),
        ("UKJENT", "SE", None),
        ("11111111", "SE", None),
    ],
)
def test_a_party_is_known_by_a_number_that_can_be_one(
    text: str | None, country: str | None, number: str | None
) -> None:
    assert identity(text, country) == number


def test_what_an_account_is() -> None:
    kinds = [account_kind(number, standard) for number, standard in
             (("1500", None), ("2400", None), ("2050", None), ("3000", "30"), ("6300", None), ("8040", None),
              ("8150", None), ("91500", "15"), ("4000", "4300"), ("abc", "abc"))]  # fmt: skip
    assert kinds == [
        *("asset", "liability", "equity", "revenue", "expense", "revenue"),
        *("expense", "asset", "expense", "expense"),
    ]


def test_opening_balances_are_of_the_first_day_that_the_files_cover() -> None:
    january, october = date(2015, 1, 1), date(2015, 10, 1)
    assert opening_day([january], [october], by_date=False) == january
    assert opening_day([None], [october], by_date=False) == october
    assert opening_day([date(2015, 12, 1)], [october], by_date=False) == october
    assert opening_day([january], [october], by_date=True) == october
    assert opening_day([None], [], by_date=False) is None
