from __future__ import annotations

import pytest

from shared.telemetry.scrub import is_secret_name, scrub


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("password=hunter2", "password=REDACTED"),
        ("login failed: password=hunter2, user=bob", "login failed: password=REDACTED, user=bob"),
        ("PASSWORD: hunter2", "PASSWORD: REDACTED"),
        ("?token=abc&page=2", "?token=REDACTED&page=2"),
        ("access_token=abc refreshToken", "access_token=REDACTED refreshToken"),
        ('{"api_key": "abc", "n": 1}', '{"api_key": "REDACTED", "n": 1}'),
        ("{'x-api-key': 'abc'}", "{'x-api-key': 'REDACTED'}"),
        ('{\\"secret\\": \\"abc\\"}', '{\\"secret\\": \\"REDACTED\\"}'),
        ("Authorization: Bearer abc.def.ghi", "Authorization: Bearer REDACTED"),
        ("authorization=Basic dXNlcg==", "authorization=Basic REDACTED"),
        ("Cookie: sid=abc", "Cookie: REDACTED"),
        ("DB_PASSWORD=hunter2", "DB_PASSWORD=REDACTED"),
        ("my.client-secret => abc", "my.client-secret => REDACTED"),
        ("postgres://bob:hunter2@db/x", "postgres://bob:REDACTED@db/x"),
        ("redis://:hunter2@cache:6379/0", "redis://:REDACTED@cache:6379/0"),
        ("Client(password='a b', n=1)", "Client(password='REDACTED', n=1)"),
    ],
)
def test_a_value_that_a_known_name_announces_is_replaced(text: str, scrubbed: str) -> None:
    assert scrub(text) == scrubbed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing to hide",
        "tokens=5",
        "max_tokens: 100",
        "the password is wrong",
        "http://localhost:8080/token",
        "SELECT id FROM users WHERE name = $1",
        "tokenizer=bpe",
        "user@example.org: not found",
    ],
)
def test_text_without_a_secret_stays_as_it_is(text: str) -> None:
    assert scrub(text) == text


def test_a_long_text_of_names_takes_linear_time() -> None:
    text = "password " * 50_000 + "a-" * 50_000 + "=:"

    assert scrub(text) == text


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "db.password",
        "http.request.header.authorization",
        "API_KEY",
        "x-api-key",
        "app/token",
        "set-cookie",
    ],
)
def test_the_last_part_of_a_name_tells_a_secret(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name", ["gen_ai.usage.input_tokens", "password.length", "http.route", "tokenizer", "", "secretary"]
)
def test_names_that_only_look_like_one_are_no_secret(name: str) -> None:
    assert not is_secret_name(name)
