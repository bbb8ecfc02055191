"""The API under requests that its own schema allows, and under others: none brings the station down."""

from dataclasses import replace

import hypothesis
import pytest
import schemathesis

from ground.access import guard
from ground.access.rates import Rate
from ground.client import Client
from ground.server.doors import WebAddress

EXAMPLES_MAX = 3
"""Of each operation; by hand many more were tried."""


@pytest.fixture
def config(config, monkeypatch):
    boundless = Rate(what="requests", burst=1e9, per_s=1e9)
    monkeypatch.setattr(guard, "REQUESTS", boundless)
    monkeypatch.setattr(guard, "ACTIONS", boundless)
    monkeypatch.setattr(guard, "LOGINS", boundless)
    return replace(config, web=WebAddress(host="127.0.0.1", port=0), has_console=False)


def test_no_request_is_answered_with_an_error_of_the_servers(served):
    (line,) = [line for line in served.lines if line.startswith("web http://")]
    api = schemathesis.openapi.from_url(line.removeprefix("web ") + "/api/openapi.json").exclude(path="/api/stop")
    settings = hypothesis.settings(
        max_examples=EXAMPLES_MAX,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate],
    )
    tried = []

    def fuzz(operation) -> None:
        @settings
        @hypothesis.given(case=operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE))
        def positive(case) -> None:
            check(case)

        @settings
        @hypothesis.given(case=operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE))
        def negative(case) -> None:
            check(case)

        def check(case) -> None:
            answer = case.call(timeout=30)
            assert answer.status_code < 500, (case, answer.text)
            tried.append(operation.label)

        positive()
        if operation.body:
            negative()

    for result in api.get_all_operations():
        fuzz(result.ok())
    assert len(set(tried)) > 25
    with Client.connect(served.config.socket_path) as client:
        assert client.state()["profile"] == "serial"
