import { StrongroomError } from '../errors.ts';
import type { Requirement } from './operation.ts';

/** Nobody of that name or id may act. */
export function principalUnknown(): StrongroomError {
  return new StrongroomError('principal_unknown', 'there is no such principal', {
    hint: 'name one that exists with --principal; whoever ran `strongroom init` is owner',
  });
}

/** Somebody lacks a right. */
export function denied({ capability, resource }: Requirement, request: string): StrongroomError {
  return new StrongroomError('denied', `you may not ${capability} ${resource.join('/')}`, {
    details: { capability, resource: resource.join('/'), request },
    hint: 'ask an owner of the vault, and give them the request id',
  });
}
