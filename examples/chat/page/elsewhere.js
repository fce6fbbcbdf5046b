// What a page of another site may try: this document has no origin, and its browser says so.

const socket = new WebSocket(`ws://${location.host}/ws/lobby`, ['bearer', 'token']);

socket.addEventListener('close', ({ code, reason }) => parent.postMessage({ code, reason }, '*'));
