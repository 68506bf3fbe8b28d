"""The school's named cases: somebody for every rule of rules/accruals.md, in every sandbox whatever its size.

for case in CASES.values():
    print(case.name, case.emails, case.description)
"""

from __future__ import annotations

from ledger_pipelines.sandbox.school import cases_missing as school_cases_missing
from ledger_pipelines.sandbox.school import cases_paid as school_cases_paid
from ledger_pipelines.sandbox.school import cases_served as school_cases_served
from ledger_pipelines.sandbox.school.case import CASES, Case

#: Cases of whom `POST /sandbox/news` tells more.
NEWS = tuple(name for name, case in CASES.items() if case.news)

__all__ = ["CASES", "NEWS", "Case", "school_cases_missing", "school_cases_paid", "school_cases_served"]
