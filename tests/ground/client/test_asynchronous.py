"""The client for programs with an event loop: several things at once, and a station that goes away."""

import asyncio

import pytest

from ccsds.cop1.fop import Service
from ground.client import NoStationError, RefusalError, StationGoneError
from ground.client.asynchronous import AsyncClient

TIMEOUT_S = 60


def test_several_commands_are_sent_and_waited_for_at_once(served):
    async def main() -> list[str]:
        async with await AsyncClient.connect(served.config.socket_path) as client:
            numbers = await asyncio.gather(*(client.send("test.connection", service=Service.BD) for _ in range(4)))
            assert len(set(numbers)) == 4
            ends = await asyncio.gather(*(client.wait(number, TIMEOUT_S) for number in numbers))
            assert (await client.state())["link"] == "UP"
            with pytest.raises(RefusalError, match=r"unknown command 'job\.stop'"):
                await client.send("job.stop")
            return [end["stage"] for end in ends]

    assert asyncio.run(main()) == ["COMPLETED"] * 4


def test_events_come_until_the_station_goes(served):
    async def main() -> list[str]:
        kinds: list[str] = []
        async with await AsyncClient.connect(served.config.socket_path) as client:
            with pytest.raises(StationGoneError):
                async for event in client.events():
                    kinds.append(event["type"])
                    if len(kinds) == 1:
                        await client._ask("POST", "/api/stop")
        return kinds

    async def with_a_command() -> list[str]:
        running = asyncio.create_task(main())
        async with await AsyncClient.connect(served.config.socket_path) as other:
            while not running.done():
                try:
                    await other.wait(await other.send("test.connection"), TIMEOUT_S)
                except StationGoneError:
                    break
        return await running

    assert asyncio.run(with_a_command())


def test_a_wait_that_is_too_short_and_a_station_that_is_not_there(served, tmp_path):
    async def main() -> None:
        served.spacecraft.answer = lambda telecommand: []
        async with await AsyncClient.connect(served.config.socket_path) as client:
            number = await client.send("test.connection")
            with pytest.raises(TimeoutError):
                await client.wait(number, 0.05)
        with pytest.raises(NoStationError, match="start one with: ground serve --link URL"):
            await AsyncClient.connect(tmp_path / "nowhere")

    asyncio.run(main())
