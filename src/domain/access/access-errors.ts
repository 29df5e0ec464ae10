import { StrongroomError } from '../../errors.ts';

/** Somebody wants to give, or to set free, what they do not have themselves. */
export function escalationRefused(capability: string, pattern: string): StrongroomError {
  return new StrongroomError(
    'escalation_refused',
    `you may not ${capability} all of ${pattern} yourself, so you cannot decide that for others`,
    {
      details: { capability, pattern },
      hint: 'ask somebody who has that right, such as an owner of the vault',
    },
  );
}

/** Rights that were given on a secret would come to count where nobody with a say agreed. */
export function grantsRefused(resource: readonly string[], request: string): StrongroomError {
  const named = resource.join('/');
  return new StrongroomError(
    'denied',
    `rights were given on that secret, and you may not admin ${named}, where they would count`,
    {
      details: { capability: 'admin', resource: named, request },
      hint: 'take the rights on the secret away first, or ask an admin of the place where it goes',
    },
  );
}

/** There would be no owner left who can change rights. */
export function lastOwner(): StrongroomError {
  return new StrongroomError(
    'last_owner',
    'nobody would be left who owns the whole vault and may act, so nothing was changed',
    {
      hint: 'make somebody else owner first: `strongroom role assign owner user:NAME --whole-vault`',
    },
  );
}
