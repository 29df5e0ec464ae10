/** A block of a stream of server-sent events, as far as it is looked at. */
export interface EventBlock {
  readonly id: string | undefined;
  readonly event: string;
  /** `undefined`: it only says an id, or that the connection lives. */
  readonly data: string | undefined;
}

/** More than this no event of ours is. */
const BLOCK_MAX = 256 * 1024;

/**
 * Reads server-sent events (WHATWG HTML §9.2.6) as they come.
 *
 * @param idleMs - How long nothing may come, in milliseconds.
 * @throws RangeError for what cannot be a stream of ours; Error if nothing comes for too long.
 */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
  idleMs: number,
): AsyncGenerator<EventBlock, void, undefined> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  try {
    for (;;) {
      const { done, value } = await within(reader.read(), idleMs);
      if (done) return;
      text += decoder.decode(value, { stream: true });
      const blocks = text.replaceAll('\r\n', '\n').split('\n\n');
      text = blocks.pop() ?? '';
      if (text.length > BLOCK_MAX) throw new RangeError('an event is too long');
      for (const block of blocks) yield parseBlock(block);
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function parseBlock(block: string): EventBlock {
  let id: string | undefined;
  let event = 'message';
  const data: string[] = [];
  for (const line of block.split('\n')) {
    const [, name = '', value = ''] = /^([a-z]+): ?(.*)$/.exec(line) ?? [];
    if (name === 'id') id = value;
    else if (name === 'event') event = value;
    else if (name === 'data') data.push(value);
  }
  return { id, event, data: data.length === 0 ? undefined : data.join('\n') };
}

async function within<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('nothing came for too long')), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
