"""What ``ground doctor`` finds on this computer, and the shell that completes."""

import json
import socket

from click.testing import CliRunner

from ground.__main__ import main


def doctor(*arguments: str):
    result = CliRunner().invoke(main, ["doctor", "--json", *arguments])
    return {row["what"]: row for row in json.loads(result.output)}, result.exit_code


def test_what_is_there_and_what_is_not_is_told(tmp_path):
    keys = tmp_path / "k"
    keys.write_bytes(b"")
    keys.chmod(0o644)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found, status = doctor("--socket", str(tmp_path / "s"), "--web", f"127.0.0.1:{port}", "--keys", str(keys))
    assert found["Python"]["finding"] == found["fastapi"]["finding"] == "good"
    assert found["station"] == {"what": "station", "finding": "missing", "text": f"none serves at {tmp_path / 's'}"}
    assert (found["web port"]["finding"], "Address already in use" in found["web port"]["text"]) == ("missing", True)
    assert (found["keys"]["finding"], "others can read it" in found["keys"]["text"]) == ("bad", True)
    assert status == 1
    assert {"accelerators", "clock", "leap seconds", "disk", "serial ports"} <= set(found)


def test_a_station_that_serves_is_told_with_its_link(served):
    found, _ = doctor("--socket", str(served.config.socket_path))
    assert found["station"]["finding"] == "good"
    assert found["station"]["text"].startswith(f"serves {served.config.link}, link ")


def test_a_shell_is_given_what_makes_it_complete():
    for shell in ("bash", "zsh", "fish"):
        result = CliRunner().invoke(main, ["completion", shell])
        assert (result.exit_code, "_GROUND_COMPLETE" in result.output) == (0, True)
