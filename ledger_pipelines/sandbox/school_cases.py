"""The school's named cases: somebody for every rule of rules/accruals.md, in every sandbox whatever its size.

for case in CASES.values():
    print(case.name, case.emails, case.description)
"""

from __future__ import annotations

from ledger_pipelines.sandbox import school_cases_missing, school_cases_served
from ledger_pipelines.sandbox.school_case import CASES, Case

#: Cases of whom `POST /sandbox/news` tells more.
NEWS = tuple(name for name, case in CASES.items() if case.news)

__all__ = ["CASES", "NEWS", "Case", "school_cases_missing", "school_cases_served"]
