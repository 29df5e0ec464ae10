/**
 * A secret that is read now, and looked at again from time to time. While the
 * vault does not answer it stays as it was.
 *
 * @param {import('strongroom/client').Client} client
 * @param {{ environment: string, path: string }} place
 * @param {number} everyMs How long a change may take to arrive.
 * @returns {Promise<{ reveal(): string }>}
 */
export async function freshSecret(client, place, everyMs) {
  let current = await client.secrets.read({ ...place, ifNoneMatch: '' });
  const look = async () => {
    const answer = await client.secrets.read({ ...place, ifNoneMatch: current.etag });
    if (!answer.unchanged) current = answer;
  };
  setInterval(() => {
    look().catch((error) => console.error(`looking at ${place.path} failed: ${error.code}`));
  }, everyMs).unref();
  return { reveal: () => current.value.reveal() };
}
