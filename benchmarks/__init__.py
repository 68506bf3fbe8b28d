"""What the speed claims rest on. `ledger bench` runs them."""
