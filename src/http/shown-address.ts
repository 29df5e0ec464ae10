/** Where somebody at this machine reaches a server that listens there. */
export function shownAddress(
  { host, port }: { readonly host: string; readonly port: number },
  isTls: boolean,
): string {
  // To listen everywhere is no place to go to.
  const place = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host;
  const shown = place.includes(':') ? `[${place}]` : place;
  return `${isTls ? 'https' : 'http'}://${shown}:${port}`;
}
