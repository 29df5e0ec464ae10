import { connection } from 'next/server';

import { sign } from '../lib/signing-key.js';
import { SignForm } from './sign-form.jsx';

/** A server component: what it renders leaves the server, the key does not. */
export default async function Page() {
  // For each request, and never while the page is built.
  await connection();
  return (
    <main>
      <p>
        hello: <output>{await sign('hello')}</output>
      </p>
      <SignForm />
    </main>
  );
}
