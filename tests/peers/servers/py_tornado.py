"""Tornado, with a token in a cookie: `check_origin`, a ping and a size."""

import asyncio
import logging

from shared import HARDENED, OWN, PORT, SIZE, SOON, Bucket, Seat, expires, is_good
from tornado import web, websocket

logging.disable()


class First(websocket.WebSocketHandler):
    def check_origin(self, origin):
        return True

    def prepare(self):
        if not is_good(self.get_cookie("session", "")):
            raise web.HTTPError(401)

    def on_message(self, message):
        self.write_message(message)


class Hardened(First):
    def check_origin(self, origin):
        return origin == OWN

    def prepare(self):
        super().prepare()
        self.seat = Seat(self.request.remote_ip)
        if not self.seat.take():
            raise web.HTTPError(429)

    def open(self):
        self.bucket = Bucket()
        left = expires(self.get_cookie("session"))
        self.timer = asyncio.get_running_loop().call_later(left, self.close, 4001, "token expired")

    def on_message(self, message):
        if self.bucket.take():
            self.write_message(message)
        else:
            self.close(1008, "too many messages")

    def on_finish(self):
        if self.get_status() != 101 and hasattr(self, "seat"):
            self.seat.leave()

    def on_close(self):
        self.timer.cancel()
        self.seat.leave()


async def main():
    options = {}
    if HARDENED:
        options = {
            "websocket_ping_interval": SOON,
            "websocket_ping_timeout": SOON,
            "websocket_max_message_size": SIZE,
        }
    application = web.Application([("/ws", Hardened if HARDENED else First)], **options)
    application.listen(PORT, "127.0.0.1")
    await asyncio.Event().wait()


asyncio.run(main())
