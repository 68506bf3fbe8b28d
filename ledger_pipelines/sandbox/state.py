"""What the systems of one sandbox share: its records, what is wrong with them, and what was asked."""

from __future__ import annotations

from dataclasses import dataclass, field

from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.datto.records import Fleet
from ledger_pipelines.sandbox.degraded import Degradation
from ledger_pipelines.sandbox.faults import Faults
from ledger_pipelines.sandbox.fourgeeks.routes import Logins
from ledger_pipelines.sandbox.freshservice.records import Desk
from ledger_pipelines.sandbox.hivematrix.generate import generate
from ledger_pipelines.sandbox.hivematrix.malformed import Malformation, Malformed, malform
from ledger_pipelines.sandbox.hivematrix.replay import replay
from ledger_pipelines.sandbox.hivematrix.tokens import Signer
from ledger_pipelines.sandbox.hivematrix.world import World
from ledger_pipelines.sandbox.holded.lists import HoldedLists
from ledger_pipelines.sandbox.journal import Journal
from ledger_pipelines.sandbox.school.history import school_history
from ledger_pipelines.sandbox.school.malformed import malform_school
from ledger_pipelines.sandbox.school.records import School


@dataclass(slots=True)
class SandboxState:
    """What one sandbox is made of, beside its ASGI application."""

    config: SandboxConfig
    world: World
    malformation: Malformation
    school: School
    school_malformation: dict[str, Malformation]
    logins: Logins
    holded_lists: HoldedLists
    desk: Desk
    fleet: Fleet
    degradation: Degradation = field(default_factory=Degradation)
    journal: Journal = field(default_factory=Journal)
    signer: Signer = field(default_factory=Signer)
    faults: Faults | None = None

    @property
    def malformed(self) -> dict[str, list[Malformed]]:
        """The malformed records of each system."""
        broken = {"codex": self.malformation, **self.school_malformation}
        return {system: malformation.records for system, malformation in broken.items()}

    def heal(self) -> None:
        """Ends all faults and degradation, and makes every malformed record whole."""
        self.degradation.end()
        if self.faults is not None:
            self.faults.rate = 0.0
        self.holded_lists.heal()
        self.malformation.mend()
        self.world.index()
        for malformation in self.school_malformation.values():
            malformation.mend()


def build_state(config: SandboxConfig) -> SandboxState:
    """Invents the records, or takes the recorded ones, and breaks as many as the settings say.

    Raises ConfigurationError when the recording to replay cannot be used.
    """
    world = replay(config.replay) if config.replay else generate(config)
    school = school_history(config)
    return SandboxState(
        config,
        world,
        malform(world, faults=config.faults, seed=config.seed),
        school,
        malform_school(school, faults=config.faults, seed=config.seed),
        Logins(config.seed),
        HoldedLists(school),
        Desk(world, until=config.until),
        Fleet(world),
    )
