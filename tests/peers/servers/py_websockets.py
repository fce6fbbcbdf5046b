"""The library `websockets`, with a token in the first message."""

import asyncio

from shared import HARDENED, OWN, PORT, SIZE, SOON, Bucket, Seat, expires, is_good
from websockets.asyncio.server import serve


async def first(socket):
    token = await socket.recv()
    if not is_good(token):
        await socket.close(1008, "invalid token")
        return
    async for message in socket:
        await socket.send(message)


async def hardened(socket):
    seat = Seat(socket.remote_address[0])
    try:
        if not seat.take():
            await socket.close(1013, "too many connections")
            return
        token = await asyncio.wait_for(socket.recv(), SOON)
        if not is_good(token):
            await socket.close(1008, "invalid token")
            return
        bucket = Bucket()
        async with asyncio.timeout(expires(token)):
            async for message in socket:
                if not bucket.take():
                    await socket.close(1008, "too many messages")
                    return
                await socket.send(message)
    except TimeoutError:
        await socket.close(1008, "too late")
    finally:
        seat.leave()


async def main():
    if HARDENED:
        options = {"origins": [OWN], "max_size": SIZE, "ping_interval": SOON, "ping_timeout": SOON, "compression": None}
        server = serve(hardened, "127.0.0.1", PORT, **options)
    else:
        server = serve(first, "127.0.0.1", PORT)
    async with server as running:
        await running.serve_forever()


asyncio.run(main())
