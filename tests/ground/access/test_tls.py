"""HTTPS with a certificate of the station's own: programs and commands log in over it, and believe no other."""

import asyncio
import datetime
import ipaddress
import json
import ssl
import stat
from dataclasses import replace

import httpx
import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ground.__main__ import main
from ground.client import Client, NoStationError, RefusalError
from ground.client.asynchronous import AsyncClient
from ground.client.place import Place
from ground.client.sessions import log_in, log_out, sessions_path

TIMEOUT_S = 60


@pytest.fixture
def certificate(tmp_path):
    """A certificate for 127.0.0.1, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "station")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = tmp_path / "certificate.pem", tmp_path / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


@pytest.fixture
def config(config, users_path, certificate):
    web = replace(config.web, certificate=certificate[0], key=certificate[1])
    return replace(config, users_path=users_path, web=web)


@pytest.fixture
def address(served, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    (line,) = [line for line in served.lines if line.startswith("web https://")]
    return line.removeprefix("web ")


@pytest.fixture
def trusted(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))


def ground(*arguments, text=None):
    return CliRunner().invoke(main, list(arguments), input=text)


@pytest.mark.usefixtures("trusted")
def test_a_person_logs_in_commands_and_logs_out_by_the_command_line(address, served):
    refused = ground("commands", "--socket", address)
    assert refused.exit_code == 2
    wrong = ground("login", address, "--name", "carl", "--password-stdin", text="wrong-password\n")
    assert (wrong.exit_code, sessions_path().exists()) == (2, False)
    done = ground("login", address, "--name", "carl", "--password-stdin", "--json", text="commander-password\n")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"name": "carl", "role": "COMMANDER", "door": "web"}
    assert stat.S_IMODE(sessions_path().stat().st_mode) == 0o600
    assert "commander-password" not in sessions_path().read_text()
    sent = ground("send", "test.connection", "--socket", address, "--timeout", str(TIMEOUT_S))
    assert sent.exit_code == 0, sent.output
    assert "completed" in sent.output.lower()
    left = ground("logout", address)
    assert left.exit_code == 0, left.output
    assert ground("commands", "--socket", address).exit_code == 2
    assert json.loads(sessions_path().read_text()) == {}


@pytest.mark.usefixtures("trusted")
def test_programs_log_in_command_and_hear_over_it(address):
    place = Place.of(address)
    token = log_in(place, "carl", "commander-password")
    with Client.connect(address, token=token) as client:
        command_id = client.send("test.connection")
        assert client.wait(command_id, TIMEOUT_S)["stage"] == "COMPLETED"

    async def alongside():
        async with await AsyncClient.connect(address, token=token) as client:
            command_id = await client.send("test.connection")
            return await client.wait(command_id, TIMEOUT_S)

    assert asyncio.run(alongside())["stage"] == "COMPLETED"
    log_out(place, token)
    with pytest.raises(RefusalError):
        Client.connect(address, token=token)


def test_a_certificate_that_nobody_vouches_for_is_not_believed(address, served):
    with pytest.raises(NoStationError, match=r"expected a certificate that this computer trusts .* SSL_CERT_FILE"):
        log_in(Place.of(address), "carl", "commander-password")
    done = ground("login", address, "--name", "carl", "--password-stdin", text="commander-password\n")
    assert (done.exit_code, sessions_path().exists()) == (2, False)
    assert "SSL_CERT_FILE" in done.stderr


def test_a_cookie_of_it_goes_over_nothing_else_and_plain_http_is_not_answered(address, certificate):
    context = ssl.create_default_context(cafile=str(certificate[0]))
    with httpx.Client(base_url=address, verify=context, timeout=TIMEOUT_S) as browser:
        answer = browser.post("/login", data={"name": "anna", "password": "approver-password"})
        assert answer.status_code == 303
        assert "Secure" in answer.headers["set-cookie"]
    with pytest.raises(httpx.HTTPError):
        httpx.get(address.replace("https", "http") + "/login", timeout=TIMEOUT_S)
