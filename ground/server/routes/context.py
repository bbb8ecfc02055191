"""What every route is given: the station's operations, and who asks."""

from typing import Annotated

from fastapi import Depends, Query
from starlette.requests import HTTPConnection

from ground.access.gate import PRINCIPAL
from ground.access.principal import Principal
from ground.server.operations import Operations


def _operations(connection: HTTPConnection) -> Operations:
    return connection.app.state.operations


def principal_of(connection: HTTPConnection) -> Principal:
    """Give who asks; the gate has let nobody through who is not known."""
    return connection.scope[PRINCIPAL]


Powers = Annotated[Operations, Depends(_operations)]
Asker = Annotated[Principal, Depends(principal_of)]
Limit = Annotated[int, Query(ge=1, le=1000, description="how many, newest first")]
