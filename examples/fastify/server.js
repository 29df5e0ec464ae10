// Signs texts with a key that lies in Strongroom, and takes over a new one
// without being started again.
//
// npm install fastify strongroom
// STRONGROOM_ADDR=https://secrets.example STRONGROOM_TOKEN=… node server.js
import { createHmac } from 'node:crypto';

import fastify from 'fastify';
import { connect } from 'strongroom/client';

import { freshSecret } from '../fresh-secret.js';

const { STRONGROOM_ADDR, STRONGROOM_TOKEN, PORT = '3000', REFRESH_MS = '60000' } = process.env;
const client = connect({ address: STRONGROOM_ADDR, token: STRONGROOM_TOKEN });
const place = { environment: 'production', path: 'SIGNING_KEY' };
const key = await freshSecret(client, place, Number(REFRESH_MS));

const app = fastify();
app.get('/sign/:text', (request, reply) => {
  const signature = createHmac('sha256', key.reveal()).update(request.params.text).digest('hex');
  reply.send({ signature });
});
console.log(`listening on ${await app.listen({ port: Number(PORT), host: '127.0.0.1' })}`);
