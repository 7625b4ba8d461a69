"""Tell a user that a run has ended, with a blocking client on a worker thread."""

from __future__ import annotations

import logging
import os

import requests

TIMEOUT = 5.0  # seconds

log = logging.getLogger(__name__)


def notify(user_id: int, text: str) -> None:
    """Post one message to the inbox; a failure is logged and goes no further.

    Args:
        user_id: who is told.
        text: what the message says.
    """
    url = os.getenv("WEBHOOK_URL") or f"{os.getenv('AUTH_URL', 'http://localhost:9002')}/api/v1/inbox"
    try:
        requests.post(url, json={"user_id": user_id, "text": text}, timeout=TIMEOUT).raise_for_status()
    except requests.RequestException as error:
        log.warning("webhook failed: %s", error)
