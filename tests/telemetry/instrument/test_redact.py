"""Secrets in URLs and query strings."""

from __future__ import annotations

import pytest

from shared.telemetry.instrument.redact import redact_query, redact_url


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("page=2", "page=2"),
        ("token=x&page=2", "token=REDACTED&page=2"),
        ("page=2&Api_Key=x", "page=2&Api_Key=REDACTED"),
        ("X-Goog-Signature=x&sig=y&Signature=z", "X-Goog-Signature=REDACTED&sig=REDACTED&Signature=REDACTED"),
        ("AWSAccessKeyId=x", "AWSAccessKeyId=REDACTED"),
        ("my_service_password=x", "my_service_password=REDACTED"),
        ("tokens=5", "tokens=5"),
        ("", ""),
    ],
)
def test_values_of_keys_that_carry_secrets_are_replaced(query: str, shown: str) -> None:
    assert redact_query(query) == shown


def test_user_and_password_of_a_url_are_replaced() -> None:
    assert redact_url("https://ada:pw@h.example/p?a=1") == "https://REDACTED:REDACTED@h.example/p?a=1"


def test_an_at_sign_in_the_path_is_no_password() -> None:
    assert redact_url("https://h.example/@ada?a=b@c") == "https://h.example/@ada?a=b@c"
