"""Local stand-ins for the outside systems, speaking their wire formats over real HTTP.

Shares no code with `sources`: a shared mistake would hide.
"""

from __future__ import annotations

from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.server import Sandbox, create_app, running_sandbox, serve

__all__ = ["Sandbox", "SandboxConfig", "create_app", "running_sandbox", "serve"]
