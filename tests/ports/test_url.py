"""Link URLs: what each may say, and one clear line for what none may."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccsds.errors import MisuseError
from ports.url import (
    FlowControl,
    Parity,
    PtyUrl,
    PyserialUrl,
    SerialUrl,
    TcpListenUrl,
    TcpUrl,
    UdpUrl,
    parse_url,
)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("serial:/dev/ttyUSB0?baud=9600", SerialUrl(text="", device="/dev/ttyUSB0", baud=9600)),
        ("serial:/dev/ttyTHS1", SerialUrl(text="", device="/dev/ttyTHS1", baud=115_200)),
        ("/dev/ttyACM0", SerialUrl(text="", device="/dev/ttyACM0")),
        ("/dev/ttyACM0?baud=57600", SerialUrl(text="", device="/dev/ttyACM0", baud=57600)),
        (
            "serial:/dev/ttyS1?parity=even&stop=2&flow=rtscts",
            SerialUrl(text="", device="/dev/ttyS1", parity=Parity.EVEN, stop_bits=2, flow=FlowControl.RTSCTS),
        ),
        ("tcp:board.local:5000", TcpUrl(text="", host="board.local", port=5000)),
        ("tcp:[::1]:5000", TcpUrl(text="", host="::1", port=5000)),
        ("tcp-listen:0.0.0.0:0", TcpListenUrl(text="", host="0.0.0.0", port=0)),
        ("udp:10.0.0.2:5001", UdpUrl(text="", host="10.0.0.2", port=5001)),
        ("udp:10.0.0.2:5001?local=5002", UdpUrl(text="", host="10.0.0.2", port=5001, local_port=5002)),
        ("pty:", PtyUrl(text="")),
        ("pty:/run/board", PtyUrl(text="", link="/run/board")),
        ("rfc2217://hub:4000", PyserialUrl(text="", url="rfc2217://hub:4000")),
        (
            "rfc2217://hub:4000?baud=9600&ign_set_control&timeout=3",
            PyserialUrl(text="", url="rfc2217://hub:4000?ign_set_control&timeout=3", baud=9600),
        ),
        ("socket://hub:4000", PyserialUrl(text="", url="socket://hub:4000")),
        ("loop://", PyserialUrl(text="", url="loop://")),
    ],
)
def test_a_url_is_read(text, url):
    found = parse_url(text)
    assert found.text == text
    assert type(found) is type(url)
    assert {name: value for name, value in vars(found).items() if name != "text"} == {
        name: value for name, value in vars(url).items() if name != "text"
    }


@pytest.mark.parametrize(
    ("text", "expected", "found"),
    [
        ("", "expected serial:DEVICE, tcp:HOST:PORT", "''"),
        ("ttyUSB0", "expected serial:DEVICE, tcp:HOST:PORT", "'ttyUSB0'"),
        ("carrier-pigeon:home", "expected serial:DEVICE, tcp:HOST:PORT", "'carrier-pigeon:home'"),
        ("smoke://hill", "expected serial:DEVICE, tcp:HOST:PORT", "pyserial knows no 'smoke'"),
        ("://", "expected serial:DEVICE", "pyserial knows no ''"),
        ("serial:", "expected a device such as /dev/ttyUSB0", "found ''"),
        ("serial:ttyUSB0", "expected a device such as /dev/ttyUSB0", "found 'ttyUSB0'"),
        ("serial:/dev/ttyUSB0?baud=fast", "expected baud to be 1 to 20000000", "found 'fast'"),
        ("serial:/dev/ttyUSB0?baud=0", "expected baud to be 1 to 20000000", "found '0'"),
        ("serial:/dev/ttyUSB0?baud=" + "9" * 5000, "expected baud to be 1 to 20000000", "999"),
        ("serial:/dev/ttyUSB0?baud=", "expected baud to be 1 to 20000000", "found ''"),
        ("serial:/dev/ttyUSB0?baud=9600&baud=1200", "expected option baud once", "found it again"),
        ("serial:/dev/ttyUSB0?stop=3", "expected stop to be 1 to 2", "found '3'"),
        ("serial:/dev/ttyUSB0?parity=mark", "expected parity to be one of none, even, odd", "found 'mark'"),
        ("serial:/dev/ttyUSB0?speed=9", "expected options baud, parity, stop and flow", "found option 'speed'"),
        ("tcp:host", "expected HOST:PORT with a port of 1 to 65535", "found 'host'"),
        ("tcp:host:", "expected HOST:PORT with a port of 1 to 65535", "found 'host:'"),
        ("tcp::5000", "expected HOST:PORT with a port of 1 to 65535", "found ':5000'"),
        ("tcp:host:0", "expected HOST:PORT with a port of 1 to 65535", "found 'host:0'"),
        ("tcp:host:65536", "expected HOST:PORT with a port of 1 to 65535", "found 'host:65536'"),
        ("tcp:::1:5000", "expected HOST:PORT with a port of 1 to 65535", "found '::1:5000'"),
        ("tcp:host name:5000", "expected a host name or an address", "found 'host name'"),
        ("tcp:" + "h" * 64 + ":5000", "expected a host name or an address", "hhh"),
        ("tcp:host:5000?nodelay=1", "expected no options", "found option 'nodelay'"),
        ("tcp-listen:host:x", "expected HOST:PORT with a port of 0 to 65535", "found 'host:x'"),
        ("udp:host:1?local=65536", "expected local to be 0 to 65535", "found '65536'"),
        ("udp:host:1?bind=5", "expected option local", "found option 'bind'"),
        ("pty:/x?baud=1", "expected no options", "found option 'baud'"),
        ("socket://nowhere", "expected HOST:PORT with a port of 1 to 65535", "found 'nowhere'"),
        ("rfc2217://hub:4000?baud=x", "expected baud to be 1 to 20000000", "found 'x'"),
    ],
)
def test_a_wrong_url_is_refused_in_one_line_that_names_it(text, expected, found):
    with pytest.raises(MisuseError) as caught:
        parse_url(text)
    message = str(caught.value)
    assert repr(text) in message
    assert expected in message
    assert found in message
    assert "\n" not in message


@settings(deadline=None)
@given(st.one_of(st.text(), st.from_regex(r"(serial|tcp|tcp-listen|udp|pty|[a-z]+:/):.*\??.*", fullmatch=True)))
def test_any_text_is_read_or_refused(text):
    try:
        url = parse_url(text)
    except MisuseError as error:
        assert repr(text) in str(error)
    else:
        assert url.text == text
