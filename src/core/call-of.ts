import { toRules } from '../domain/access/decide.ts';
import { requireHeld } from '../domain/access/escalation.ts';
import type { PrincipalView } from '../domain/access/policy.ts';
import type { Principal } from '../domain/access/principals.ts';
import type { AuditLog } from '../domain/audit/audit-log.ts';
import { requireUnlimited } from '../domain/identities/limits.ts';
import type { RecentSecrets } from '../domain/secrets/recent-secrets.ts';
import type { Keyring } from '../keys/keyring.ts';
import type { RowMac } from '../store/row-mac.ts';
import type { Identified } from './callers.ts';
import { unauthenticated } from './denials.ts';
import type { ChangeFeed } from './events/change-feed.ts';
import type { Cohort, Item, Progress } from './item.ts';
import type { Call } from './operation.ts';
import type { Recorder } from './recorder.ts';
import type { Rights } from './rights.ts';

/** What all calls have in common. */
export interface CallParts {
  readonly mac: RowMac;
  readonly keyring: Keyring;
  readonly log: AuditLog;
  readonly rights: Rights;
  readonly recorder: Recorder;
  readonly recent: RecentSecrets;
  readonly feed: ChangeFeed;
  readonly requirementsOf: Call['requirementsOf'];
}

/** What an operation is given to work with, in the name of who calls. */
export function callOf(
  { mac, keyring, log, rights, recorder, recent, feed, requirementsOf }: CallParts,
  cohort: Cohort,
  item: Item,
  { who, progress }: { readonly who: Identified; readonly progress: Progress },
): Call {
  const { view, calling, credential } = who;
  return {
    transaction: cohort.transaction,
    keyUses: cohort.keyUses,
    recent,
    mac,
    keyring,
    log,
    directory: rights.directory,
    policy: rights.policy,
    circumstances: calling,
    credential,
    isEnrolling: who.isEnrolling === true,
    standing: rights,
    requirementsOf,
    now: progress.now,
    actor: view.principal.id,
    principal: view.principal,
    request: item.request,
    may: (capability, resource, reach = 'exact') =>
      rights.decide(view, calling, { capability, resource, reach }).allowed,
    requireHeld: (wanted) => {
      requireUnlimited(credential);
      // Owners decide about everything, also about what they are denied themselves.
      const isOwner = rights.policy.isOwner(view.principal.id);
      if (isOwner && calling.can === undefined) return;
      requireHeld(view.grants, wanted, { directory: rights.directory, can: calling.can });
    },
    identified: (principalId, made) => {
      const found = rights.view(principalId) ?? (made && newcomer(made));
      if (found === undefined) throw unauthenticated('void');
      progress.view = found;
    },
    follow: (filter, lastEventId) => {
      const { caller, request } = item;
      return feed.follow({ caller, found: who, filter, request, lastEventId });
    },
    about: (subject) => {
      progress.subject = { ...progress.subject, ...subject };
    },
    scrub: () => {
      cohort.scrubs = true;
    },
    record: (action, subject, end) => {
      progress.extra.push({ action, subject: recorder.resolve(subject), end });
    },
  };
}

/** Somebody whom the call itself made: they have no rights yet. */
function newcomer(principal: Principal): PrincipalView {
  return { principal, grants: [], rules: toRules([]) };
}
