"""What the import steps and the snapshots do with what a source showed (rules/sync_management.md)."""
