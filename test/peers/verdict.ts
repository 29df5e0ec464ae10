import type { Heard } from './conversation.ts';
import { isRefusal } from './framing.ts';

/** What two ways to a server made of the same bytes. */
export interface Verdict {
  readonly kind:
    | 'the same'
    | 'refused by both'
    | 'refused by the server'
    | 'refused by the proxy'
    | 'ended by the server'
    | 'ended by the proxy'
    | 'different';
  /** How many requests were answered alike before. */
  readonly alike: number;
}

/** What a proxy says of its own accord of what it does not hand on: a request is not as it has to be. */
const PROXYS_REFUSALS: ReadonlySet<number> = new Set([400, 408, 413, 414, 422, 431, 501]);

/**
 * Holds what came back directly against what came back by way of a proxy. Either
 * of the two may refuse a request or end its connection, and carry out nothing
 * of what follows; what both carry out has to be the same.
 */
export function compare(direct: Heard, proxied: Heard): Verdict {
  let isRefused = false;
  for (let at = 0; ; at += 1) {
    const [own, other] = [direct.answers[at], proxied.answers[at]];
    if (own === undefined && other === undefined) {
      const kind = isRefused ? 'refused by the server' : kindOfEnds(direct, proxied);
      return { kind, alike: at };
    }
    const isSame = own?.said === other?.said && other?.isProxys === false;
    if (!isSame) {
      const kind = kindAt({ direct, proxied }, at);
      if (kind !== 'goes on') return { kind, alike: at };
      isRefused = true;
    } else if (own?.isLast === true && proxied.answers.length > at + 1) {
      return { kind: 'ended by the server', alike: at + 1 };
    }
  }
}

/** Where there is an answer at one of the two at least, and not the same at both. */
function kindAt(
  { direct, proxied }: { readonly direct: Heard; readonly proxied: Heard },
  at: number,
): Verdict['kind'] | 'goes on' {
  const [own, other] = [direct.answers[at], proxied.answers[at]];
  const isOwnRefusal = own !== undefined && isRefusal(own);
  if (other?.isProxys === true) {
    if (!PROXYS_REFUSALS.has(other.status)) return 'different';
    const isBoth = own === undefined ? direct.end === 'closed' : isOwnRefusal;
    return isBoth ? 'refused by both' : 'refused by the proxy';
  }
  if (isOwnRefusal) {
    if (other === undefined) return 'refused by both';
    return own.isLast ? 'refused by the server' : 'goes on';
  }
  // In what haproxy made of it alone: longer than before, or seen as a whole only then.
  if (own !== undefined && other !== undefined && isRefusal(other)) {
    return own.isLast ? 'refused by the server' : 'goes on';
  }
  // Carried out by one way alone: the other has to have ended before.
  if (own === undefined) return direct.end === 'closed' ? 'ended by the server' : 'different';
  const isEnded = other === undefined && proxied.answers[at - 1]?.isLast === true;
  return isEnded ? 'ended by the proxy' : 'different';
}

function kindOfEnds(direct: Heard, proxied: Heard): Verdict['kind'] {
  if (direct.end === 'late' || proxied.end === 'late') return 'different';
  if (direct.end === proxied.end) return 'the same';
  return direct.end === 'closed' ? 'ended by the server' : 'ended by the proxy';
}
