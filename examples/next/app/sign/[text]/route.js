import { sign } from '../../../lib/signing-key.js';

/** A route handler: `GET /sign/hello`. */
export async function GET(_request, { params }) {
  const { text } = await params;
  return Response.json({ signature: await sign(text) });
}
