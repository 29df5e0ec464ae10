import type { IncomingMessage, ServerResponse } from 'node:http';

const waiting = new WeakMap<IncomingMessage, ServerResponse>();

/** Notes that the client waits with the body until it is asked for it (RFC 9110 §10.1.1). */
export function noteExpected(message: IncomingMessage, response: ServerResponse): void {
  waiting.set(message, response);
}

/** Asks for the body, if the client waits for that. What is refused before never has to be sent. */
export function askForBody(message: IncomingMessage): void {
  const response = waiting.get(message);
  waiting.delete(message);
  if (response?.headersSent === false) response.writeContinue();
}
