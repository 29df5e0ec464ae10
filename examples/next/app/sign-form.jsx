'use client';

import { useState } from 'react';

/** Runs in the browser, and asks the route for signatures. */
export function SignForm() {
  const [signature, setSignature] = useState('');
  const submit = async (form) => {
    const answer = await fetch(`/sign/${encodeURIComponent(form.get('text'))}`);
    setSignature((await answer.json()).signature);
  };
  return (
    <form action={submit}>
      <input name="text" aria-label="text to sign" required />
      <button>Sign</button> <output>{signature}</output>
    </form>
  );
}
