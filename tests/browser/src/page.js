// The sockets of this page, in the order in which it opened them.
const sockets = [];

// A socket, and what comes out of it. Returns its number.
function connect(url, protocols) {
  const socket = new WebSocket(url, protocols);
  const closed = new Promise((resolve) => {
    socket.onclose = ({ code, reason, wasClean }) => resolve({ code, reason, clean: wasClean });
  });
  const opened = new Promise((resolve) => {
    socket.onopen = () => resolve(socket.protocol);
    closed.then(() => resolve(null));
  });
  const seen = { closed, opened, messages: 0 };
  seen.message = new Promise((resolve) => {
    socket.onmessage = ({ data }) => {
      seen.messages += 1;
      resolve(data);
    };
  });
  seen.send = async (message, times) => {
    await opened;
    for (let sent = 0; sent < times; sent += 1) {
      socket.send(message);
    }
  };
  return sockets.push(seen) - 1;
}
