-- Billing: backups in the terabytes that Codex writes.

ALTER TABLE assets ADD COLUMN backup_usage_tb numeric(14, 2) CHECK (backup_usage_tb >= 0);
COMMENT ON COLUMN assets.backup_usage_tb IS
    'TB as Codex writes them, exact to two decimals; its backup_data_bytes are cut from them. Null where it has none.';
