"""A server on plain sockets, a thread for each: the handshake and the frames by hand, no token."""

import base64
import hashlib
import socket
import struct
import threading

from shared import HARDENED, OWN, PORT, SIZE, SOON, Bucket, Seat

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Refused(Exception):
    """A client that is not served any more, and the close code that says so."""


def exactly(client, count):
    data = b""
    while len(data) < count:
        part = client.recv(min(count - len(data), 65536))
        if not part:
            raise Refused(None)
        data += part
    return data


def handshake(client):
    head = b""
    while b"\r\n\r\n" not in head:
        part = client.recv(4096)
        if not part or HARDENED and len(head) > 16384:
            raise Refused(None)
        head += part
    headers = {}
    for line in head.decode("latin-1").split("\r\n")[1:]:
        name, _, value = line.partition(": ")
        headers[name.lower()] = value
    if HARDENED:
        upgrade = "upgrade" in [part.strip().lower() for part in headers.get("connection", "").split(",")]
        version = headers.get("sec-websocket-version") == "13" and headers.get("upgrade", "").lower() == "websocket"
        if headers.get("origin") != OWN or not upgrade or not version or len(headers.get("sec-websocket-key", "")) != 24:
            client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            raise Refused(None)
    key = headers.get("sec-websocket-key", "").encode()
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
    client.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        + accept
        + b"\r\n\r\n"
    )


def receive(client):
    first, second = exactly(client, 2)
    length = second & 0x7F
    if length == 126:
        (length,) = struct.unpack("!H", exactly(client, 2))
    elif length == 127:
        (length,) = struct.unpack("!Q", exactly(client, 8))
    if HARDENED:
        if length > SIZE:
            raise Refused(1009)
        # No fragments: this server knows messages of one frame.
        if first & 0x70 or not first & 0x80 or not second & 0x80 or first & 0x0F not in (1, 2, 8, 9, 10):
            raise Refused(1002)
        if first & 0x08 and length > 125:
            raise Refused(1002)
    mask = exactly(client, 4) if second & 0x80 else bytes(4)
    data = exactly(client, length)
    if any(mask):
        data = bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
    return first & 0x0F, data


def send(client, opcode, data):
    if len(data) < 126:
        head = struct.pack("!BB", 0x80 | opcode, len(data))
    elif len(data) < 65536:
        head = struct.pack("!BBH", 0x80 | opcode, 126, len(data))
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 127, len(data))
    client.sendall(head + data)


def echo(client, bucket):
    while True:
        opcode, data = receive(client)
        if HARDENED and not bucket.take():
            raise Refused(1008)
        if opcode == 8:
            raise Refused(1000)
        if opcode == 9:
            send(client, 10, data)
        elif opcode in (1, 2):
            if HARDENED and opcode == 1:
                data.decode()
            send(client, opcode, data)


def serve(client, address):
    seat = Seat(address)
    try:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not seat.take() and HARDENED:
            client.sendall(b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n")
            return
        if HARDENED:
            client.settimeout(2 * SOON)
        handshake(client)
        echo(client, Bucket())
    except Refused as refused:
        if refused.args[0]:
            send(client, 8, struct.pack("!H", refused.args[0]))
            client.shutdown(socket.SHUT_WR)
            client.settimeout(1)
            while client.recv(65536):
                pass
    except UnicodeDecodeError:
        send(client, 8, struct.pack("!H", 1007))
    except (OSError, MemoryError):
        pass
    finally:
        seat.leave()
        client.close()


listener = socket.create_server(("127.0.0.1", PORT), backlog=128)
while True:
    accepted, (peer, _) = listener.accept()
    threading.Thread(target=serve, args=(accepted, peer), daemon=True).start()
