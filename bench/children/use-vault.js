// One process that opens a vault and reads. Plain JavaScript, so that loading
// TypeScript is not part of its time or its memory.
// Usage: node use-vault.js LIBRARY OPTIONS, where OPTIONS is JSON:
// path, configDirectory, secrets (how many there are), list, reads, callers.
const [, , library, json] = process.argv;
const options = JSON.parse(json ?? '{}');
const { path, configDirectory, secrets = 0, list = false, reads = 0, callers = 64 } = options;

if (path === undefined) {
  print({ rss: process.memoryUsage.rss() });
} else {
  const { open } = await import(library ?? '');
  const start = performance.now();
  const vault = await open({ path, configDirectory });
  const openMs = performance.now() - start;
  const session = vault.as({ principal: 'bench' });
  if (list) await session.secrets.list({ environment: 'production', limit: 100 });
  let next = 0;
  const caller = async () => {
    while (next < reads) {
      // A stride that is prime to any number of secrets here visits all parts of the vault.
      const index = (next++ * 7919) % secrets;
      await session.secrets.read({ environment: 'production', path: pathOf(index) });
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  const firstMs = performance.now();
  print({ openMs, firstMs, rss: process.memoryUsage.rss() });
  await vault.close();
}

/** As `pathOf` of `vaults.ts`. */
function pathOf(index) {
  const digits = index.toString().padStart(7, '0');
  return `team-${digits.slice(0, 4)}/SERVICE_KEY_${digits}`;
}

function print(result) {
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
