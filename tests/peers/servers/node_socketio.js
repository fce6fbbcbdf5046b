// express with socket.io, and a token in the query.
const path = require("path");
const need = require("module").createRequire(path.join(process.env.PEERS_NODE, "x.js"));
const express = need("express");
const jwt = need("jsonwebtoken");
const { Server } = need("socket.io");
const { RateLimiterMemory } = need("rate-limiter-flexible");

const [port, mode, burst] = [Number(process.argv[2]), process.argv[3], Number(process.argv[4])];
const hardened = mode === "hardened";
const OWN = "https://chat.example";
// Scaled down, so that audits do not take minutes. When measuring costs, a busy machine must not close connections.
const SOON = burst > 1000 ? 20000 : 1500;
const SECRET = "a secret of the siege, 32 bytes.";

const app = express();
const server = app.listen(port, "127.0.0.1");
const options = hardened
  ? {
      cors: { origin: OWN },
      allowRequest: (request, done) => done(null, request.headers.origin === OWN),
      maxHttpBufferSize: 64 * 1024,
      pingInterval: SOON,
      pingTimeout: SOON,
      connectTimeout: SOON,
    }
  : { cors: { origin: "*" } };
const io = new Server(server, options);
// As many as in a burst, each two seconds.
const messages = new RateLimiterMemory({ points: burst, duration: 2 });
const live = new Map();

io.use((socket, next) => {
  try {
    socket.data.claims = jwt.verify(socket.handshake.query.token, SECRET, { algorithms: ["HS256"], audience: "chat" });
    next();
  } catch {
    next(new Error("unauthorized"));
  }
});

if (hardened) {
  io.use((socket, next) => {
    const count = (live.get(socket.handshake.address) || 0) + 1;
    if (count > (burst > 1000 ? 100000 : 20)) return next(new Error("too many connections"));
    live.set(socket.handshake.address, count);
    socket.on("disconnect", () => live.set(socket.handshake.address, live.get(socket.handshake.address) - 1));
    next();
  });
}

io.on("connection", (socket) => {
  if (hardened) {
    const left = Math.min(socket.data.claims.exp * 1000 - Date.now(), 2 ** 31 - 1);
    const timer = setTimeout(() => socket.disconnect(true), left);
    socket.on("disconnect", () => clearTimeout(timer));
  }
  socket.on("message", async (text) => {
    if (hardened) {
      try {
        await messages.consume(socket.id);
      } catch {
        return socket.disconnect(true);
      }
    }
    socket.emit("message", text);
  });
});
