import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

/** A server that reads requests as it likes. */
export interface LaxServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Starts a server that goes by the length wherever there is one, and reads no chunks. */
export async function startLaxServer(): Promise<LaxServer> {
  const server = createServer((socket) => {
    let text = '';
    socket.on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => {
      text += bytes.toString('latin1');
      for (let read = readLaxly(text); read !== undefined; read = readLaxly(text)) {
        text = read.rest;
        socket.write(answerTo(read.line, read.isLast));
        if (read.isLast) socket.end();
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}

function readLaxly(
  text: string,
): { readonly line: string; readonly rest: string; readonly isLast: boolean } | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const head = text.slice(0, end);
  const length = Number(/^content-length:\s*(\d+)/im.exec(head)?.[1] ?? 0);
  const begin = end + 4;
  if (text.length < begin + length) return undefined;
  return {
    line: head.split('\r\n', 1)[0] ?? '',
    rest: text.slice(begin + length),
    isLast: /^connection: close/im.test(head),
  };
}

function answerTo(line: string, isLast: boolean): string {
  const isRequest = /^[A-Z]+ \S+ HTTP\/1\.[01]$/.test(line);
  const body = JSON.stringify({ detail: isRequest ? line : 'no request' });
  const head = [
    isRequest ? 'HTTP/1.1 404 Not Found' : 'HTTP/1.1 400 Bad Request',
    `Content-Length: ${body.length}`,
    ...(isLast ? ['Connection: close'] : []),
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}
