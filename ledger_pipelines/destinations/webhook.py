"""The webhook that alerts are posted to. Not here: which alerts there are."""

from __future__ import annotations

from collections.abc import Mapping

import requests

from ledger_pipelines.sources.http.deadlines import DeadlineAdapter, whole_answer_within
from ledger_pipelines.sources.http.exchange import UnfollowingSession

_TIMEOUT = 5.0


def post_to_webhook(url: str, body: Mapping[str, object], *, key: str) -> str | None:
    """Posts JSON; None when it was taken, else why not, without the address, which may hold a secret.

    `key` is the same whenever the same event is posted again, so that the receiver can recognise it.
    """
    try:
        with whole_answer_within(_TIMEOUT), UnfollowingSession() as session:
            session.trust_env = False
            for scheme in ("http://", "https://"):
                session.mount(scheme, DeadlineAdapter())
            # Only the status is wanted: streamed, the body is not waited for.
            answer = session.post(
                url,
                json=body,
                timeout=_TIMEOUT,
                allow_redirects=False,
                stream=True,
                headers={"Idempotency-Key": key},
            )
            answer.close()
    except requests.RequestException as error:
        return f"it cannot be reached ({type(error).__name__})"
    # A redirect is not followed, so it was not taken either.
    return (
        None if answer.status_code < requests.codes.multiple_choices else f"it answered {answer.status_code}"
    )
