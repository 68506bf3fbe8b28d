"""What people edit: plans, overrides, and what is billed beside a snapshot. The database keeps who changed what."""
