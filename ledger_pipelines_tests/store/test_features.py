"""A company's own features: a closed month keeps those that it was closed with."""

from __future__ import annotations

from datetime import date

import psycopg

from ledger_pipelines.store.periods import close_months
from ledger_pipelines.store.queries.features import own_features

JANUARY, FEBRUARY = date(2026, 1, 1), date(2026, 2, 1)


def test_the_latest_that_has_begun_counts_and_a_closed_month_keeps_its_own(
    connection: psycopg.Connection,
) -> None:
    connection.execute(
        """INSERT INTO client_feature_overrides (account_number, feature_type, value, enabled, from_month) VALUES
           ('1', 'soc', 'old', true, NULL), ('1', 'soc', 'new', true, '2026-02-01'),
           ('1', 'sat', 'KnowBe4', true, NULL), ('1', 'antivirus', 'off', false, NULL),
           ('2', 'soc', 'other', true, NULL)"""
    )
    assert own_features(connection, "1", JANUARY) == {"sat": "KnowBe4", "soc": "old"}
    assert own_features(connection, "1", FEBRUARY) == {"sat": "KnowBe4", "soc": "new"}
    close_months(connection, [JANUARY], person="ada")
    for statement in (
        "UPDATE client_feature_overrides SET value = 'changed' WHERE feature_type = 'soc' AND from_month IS NULL",
        "UPDATE client_feature_overrides SET value = 'again' WHERE feature_type = 'soc' AND from_month IS NULL",
        "DELETE FROM client_feature_overrides WHERE feature_type = 'sat'",
        "INSERT INTO client_feature_overrides (account_number, feature_type, value) VALUES ('1', 'email', 'Proofpoint')",
        "UPDATE client_feature_overrides SET enabled = true WHERE feature_type = 'antivirus'",
    ):
        connection.execute(statement)
    assert own_features(connection, "1", JANUARY) == {"sat": "KnowBe4", "soc": "old"}
    assert own_features(connection, "1", FEBRUARY) == {
        "antivirus": "off",
        "email": "Proofpoint",
        "soc": "new",
    }
