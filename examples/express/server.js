// Signs texts with a key that lies in Strongroom, and takes over a new one
// without being started again.
//
// npm install express strongroom
// STRONGROOM_ADDR=https://secrets.example STRONGROOM_TOKEN=… node server.js
import { createHmac } from 'node:crypto';

import express from 'express';
import { connect } from 'strongroom/client';

const { STRONGROOM_ADDR, STRONGROOM_TOKEN, PORT = '3000' } = process.env;
const client = connect({ address: STRONGROOM_ADDR, token: STRONGROOM_TOKEN });
const values = await client.environment('production').follow({
  only: ['SIGNING_KEY'],
  failed: (error) => console.error(`the key stays as it is: ${error.message}`),
});

const app = express();
app.get('/sign/:text', (request, response) => {
  using key = values.get('SIGNING_KEY');
  const signature = createHmac('sha256', key.reveal()).update(request.params.text).digest('hex');
  response.json({ signature });
});
const server = app.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
