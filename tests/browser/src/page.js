// The sockets of this page, in the order of their creation.
const sockets = [];

// Opens a socket and records its events. Returns its index.
function connect(url, protocols) {
  const socket = new WebSocket(url, protocols);
  const closed = new Promise((resolve) => {
    socket.onclose = ({ code, reason, wasClean }) => resolve({ code, reason, clean: wasClean });
  });
  const opened = new Promise((resolve) => {
    socket.onopen = () => resolve(socket.protocol);
    closed.then(() => resolve(null));
  });
  const observed = { closed, opened, messages: 0 };
  observed.message = new Promise((resolve) => {
    socket.onmessage = ({ data }) => {
      observed.messages += 1;
      resolve(data);
    };
  });
  observed.send = async (message, times) => {
    await opened;
    for (let sent = 0; sent < times; sent += 1) {
      socket.send(message);
    }
  };
  return sockets.push(observed) - 1;
}
