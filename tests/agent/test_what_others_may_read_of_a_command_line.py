"""Is what looks like a secret hidden in a command line, and nothing else?"""

import pytest

from hopscope.agent.processes.command_line import LONGEST, shown


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["nginx", "-g", "daemon off;"], "nginx -g daemon off;"),
        (["mysql", "--password=hunter2", "shop"], "mysql --password=*** shop"),
        (["app", "--db-password", "hunter2", "--port", "80"], "app --db-password *** --port 80"),
        (["app", "--token", "--verbose"], "app --token --verbose"),
        (["app", "-Dapi.token=abc", "-Xmx1g"], "app -Dapi.token=*** -Xmx1g"),
        (["env", "PGPASSWORD=abc", "DB_PASSWORD_1=x", "PATH=/bin"], "env PGPASSWORD=*** DB_PASSWORD_1=*** PATH=/bin"),
        (["app", "postgres://shop:abc@db:5432/shop"], "app postgres://shop:***@db:5432/shop"),
        (["curl", "-H", "Authorization: Bearer abc.def", "http://a"], "curl -H Authorization: *** http://a"),
        (["curl", "http://a/?api_key=abc&page=2"], "curl http://a/?api_key=***&page=2"),
        (["sh", "-c", "curl -H 'X-Auth: Bearer abc.def' http://a"], "sh -c curl -H 'X-Auth: Bearer ***' http://a"),
        (["app", "--tokenizer", "fast", "--author", "me"], "app --tokenizer fast --author me"),
        (["app", "--secret_file=/run/secret"], "app --secret_file=***"),
        (["app", "\udcff"], "app �"),
        (["app", "two\nlines\tand  tabs"], "app two lines and tabs"),
        ([], ""),
    ],
)
def test_secrets_are_hidden(arguments: list[str], text: str) -> None:
    assert shown(arguments) == text


def test_it_is_cut() -> None:
    cut = shown(["app", "x" * 1000])
    assert len(cut) == LONGEST
    assert cut.endswith("…")
