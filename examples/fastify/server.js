// Signs texts with a key that lies in Strongroom, and takes over a new one
// without being started again.
//
// npm install fastify strongroom
// STRONGROOM_ADDR=https://secrets.example STRONGROOM_TOKEN=… node server.js
import { createHmac } from 'node:crypto';

import fastify from 'fastify';
import { connect } from 'strongroom/client';

const { STRONGROOM_ADDR, STRONGROOM_TOKEN, PORT = '3000' } = process.env;
const client = connect({ address: STRONGROOM_ADDR, token: STRONGROOM_TOKEN });
const values = await client.environment('production').follow({
  only: ['SIGNING_KEY'],
  failed: (error) => console.error(`the key stays as it is: ${error.message}`),
});

const app = fastify();
app.get('/sign/:text', (request, reply) => {
  using key = values.get('SIGNING_KEY');
  const signature = createHmac('sha256', key.reveal()).update(request.params.text).digest('hex');
  reply.send({ signature });
});
console.log(`listening on ${await app.listen({ port: Number(PORT), host: '127.0.0.1' })}`);
