// The bare limit of a server: node:http answering with text of the length of a secret's answer.
import { createServer } from 'node:http';

const body = 'x'.repeat(Number(process.argv[2] ?? '700'));
const server = createServer((_request, response) => {
  response.writeHead(200, {
    'Content-Type': 'application/json',
    'Content-Length': String(body.length),
  });
  response.end(body);
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`);
});
