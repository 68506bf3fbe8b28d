"""The CFO's `transactions`, in whatever database they are (rules/cfo_sync.md)."""
