"""FastAPI on uvicorn, with a token in a header, close code 4001 and a list of origins for CORS."""

import asyncio

import uvicorn
from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect
from fastapi.middleware.cors import CORSMiddleware
from shared import HARDENED, OWN, PORT, SIZE, SOON, Bucket, Seat, expires, is_good
from slowapi import Limiter
from slowapi.util import get_remote_address

app = FastAPI()
# It is in every text, and no WebSocket is asked.
app.add_middleware(CORSMiddleware, allow_origins=[OWN], allow_credentials=True)
limiter = Limiter(key_func=get_remote_address)
app.state.limiter = limiter


@app.get("/history")
@limiter.limit("5/second")
async def history(request: Request):
    """What slowapi limits: plain requests."""
    return []


def token_of(socket):
    return socket.headers.get("authorization", "").removeprefix("Bearer ")


async def first(socket):
    await socket.accept()
    if not is_good(token_of(socket)):
        await socket.close(4001)
        return
    while True:
        await socket.send_text(await socket.receive_text())


async def hardened(socket):
    seat = Seat(socket.client.host)
    try:
        token = token_of(socket)
        if socket.headers.get("origin") != OWN or not is_good(token) or not seat.take():
            # Before it is accepted: uvicorn makes a 403 of it.
            await socket.close(4001)
            return
        await socket.accept()
        bucket = Bucket()
        async with asyncio.timeout(expires(token)):
            while True:
                text = await socket.receive_text()
                if not bucket.take():
                    await socket.close(4008)
                    return
                await socket.send_text(text)
    except TimeoutError:
        await socket.close(4001)
    finally:
        seat.leave()


@app.websocket("/ws")
async def endpoint(socket: WebSocket):
    try:
        await (hardened if HARDENED else first)(socket)
    except (WebSocketDisconnect, RuntimeError):
        pass


options = {"ws_max_size": SIZE, "ws_ping_interval": SOON, "ws_ping_timeout": SOON} if HARDENED else {}
uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="critical", **options)
