"""What the school sells and teaches: Holded's sales channels, 4Geeks' programs, and the cohorts of each.

A channel whose account number starts with 7050 is a service, and its name says which program it pays for:
equal to it, or holding it as whole words, whatever the punctuation.
"""

from __future__ import annotations

from datetime import date, timedelta

from ledger_pipelines.sandbox.school.model import Channel, Cohort, Program


def _channel(number: int, name: str, account: int, form: str = "number") -> Channel:
    return Channel(f"5ab391071d6d8200342{number:05x}", name, account, form)


FULL_STACK = _channel(1, "ES - Full Stack", 70_500_001)
DATA_SCIENCE = _channel(2, "ES - Data Science", 70_500_002)
CYBERSECURITY = _channel(3, "ES - Cybersecurity (part time)", 70_500_003)
AI_ENGINEERING = _channel(4, "US - AI Engineering", 70_500_004, "text")
DESIGN = _channel(5, "ES - UX/UI Design", 70_500_005, "accNum")
INTRODUCTION = _channel(6, "Coding Introduction", 70_500_006)
SERVICES = (FULL_STACK, DATA_SCIENCE, CYBERSECURITY, AI_ENGINEERING, DESIGN, INTRODUCTION)

MERCHANDISE = _channel(101, "Books and merchandise", 70_000_001)
ROOMS = _channel(102, "Room rental", 70_510_001)
EVENTS = _channel(103, "Events", 75_900_000, "text")
#: Nobody has bought from it for years.
DISCONTINUED = _channel(104, "ES - Prework (discontinued)", 70_500_099)
CHANNELS = (*SERVICES, MERCHANDISE, ROOMS, EVENTS, DISCONTINUED)

#: The program that each service pays for, in the order of `SERVICES`.
PROGRAMS = (
    Program(1, "full-stack", "Full Stack", 20),
    Program(2, "data-science", "Data Science", 20),
    Program(3, "cybersecurity", "Cybersecurity", 20),
    Program(4, "ai-engineering", "AI engineering", 21),
    Program(5, "ux-ui-design", "UX UI Design", 18),
    Program(6, "coding-introduction", "Coding Introduction", 20),
)
#: A program that no service of Holded names.
ROBOTICS = Program(7, "robotics", "Robotics", 20)
PROGRAM_OF = dict(zip(SERVICES, PROGRAMS, strict=True))

#: The full price of each service, in cents, in the order of `SERVICES`.
PRICES = (699_000, 749_000, 650_000, 799_900, 420_000, 120_000)


def monthly_cohort(program: Program, month: date) -> Cohort:
    """The cohort that starts on the first Monday of `month` (its first day)."""
    kickoff = month + timedelta(days=-month.weekday() % 7)
    name = f"{program.name} {month:%Y-%m}"
    ending = kickoff + timedelta(days=program.weeks * 7 - 1)
    return Cohort(f"spain-{program.slug}-{month:%Y-%m}", name, program, kickoff, ending)


def own_cohort(label: str, program: Program, kickoff: date, ending: date | None) -> Cohort:
    """A cohort for one of the named cases, with the days that it takes."""
    slug = f"{label.replace('_', '-')}-{program.slug}-{kickoff:%Y-%m-%d}"
    return Cohort(slug, f"{program.name} for {label.replace('_', ' ')}", program, kickoff, ending)
