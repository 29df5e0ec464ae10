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
