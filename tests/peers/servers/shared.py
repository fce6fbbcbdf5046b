"""Shared by the Python servers: the command line, tokens, and checks by hand."""

import sys
import time

import jwt

PORT = int(sys.argv[1])
HARDENED = sys.argv[2] == "hardened"
BURST = float(sys.argv[3])

OWN = "https://chat.example"
SECRET = "a secret of the siege, 32 bytes."
SIZE = 64 * 1024
# Sockets are not limited when measuring their cost.
SOCKETS = 20 if BURST <= 1000 else 100_000
# Scaled down, so that audits do not take minutes. When measuring costs, a busy machine must not close connections.
SOON = 1.5 if BURST <= 1000 else 20


def is_good(token):
    """Whether a token is signed by the service and has not expired."""
    try:
        jwt.decode(token, SECRET, algorithms=["HS256"], audience="chat")
    except jwt.InvalidTokenError:
        return False
    return True


def expires(token):
    """Seconds until a good token expires."""
    return jwt.decode(token, options={"verify_signature": False})["exp"] - time.time()


class Bucket:
    """Twenty messages per second, in bursts, like the counters in the tutorials."""

    def __init__(self):
        self.left, self.at = BURST, time.monotonic()

    def take(self):
        now = time.monotonic()
        self.left, self.at = min(BURST, self.left + (now - self.at) * BURST / 2), now
        self.left -= 1
        return self.left >= 0


LIVE = {}


class Seat:
    """One of the sockets of an address."""

    def __init__(self, address):
        self.address = address
        self.counted = False

    def take(self):
        self.counted = True
        LIVE[self.address] = LIVE.get(self.address, 0) + 1
        return LIVE[self.address] <= SOCKETS

    def leave(self):
        if self.counted:
            LIVE[self.address] -= 1
