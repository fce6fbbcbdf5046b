// An attempt by a page of another site: this document has an opaque origin, which the browser sends as `null`.

const socket = new WebSocket(`ws://${location.host}/ws/lobby`, ['bearer', 'token']);

socket.addEventListener('close', ({ code, reason }) => parent.postMessage({ code, reason }, '*'));
