import { StrongroomError } from '../../errors.ts';
import { canonicalJson, parseCanonicalJson } from '../../lib/canonical-json.ts';
import { containsNetwork } from '../../lib/ip-networks.ts';
import type { TokenRow } from '../../store/tables.ts';

/** What a credential may be used for, whatever its principal may do. */
export interface TokenLimits {
  /** Capabilities; without it, all. */
  readonly can?: readonly string[] | undefined;
  /** Conditions as a grant stores them. */
  readonly conditions?: string | undefined;
}

/** Limits as a row has them; `null` for none. */
export function encodeLimits({ can, conditions }: TokenLimits): string | null {
  if (can === undefined && conditions === undefined) return null;
  return canonicalJson({
    ...(can === undefined ? {} : { can: [...can] }),
    ...(conditions === undefined ? {} : { conditions: parseCanonicalJson(conditions) }),
  });
}

/** What a row says, whose MAC was checked. */
export function decodeLimits(stored: string | null): TokenLimits {
  if (stored === null) return {};
  const { can, conditions } = parseCanonicalJson(stored) as {
    readonly can?: readonly string[];
    readonly conditions?: object;
  };
  return { can, conditions: conditions === undefined ? undefined : canonicalJson(conditions) };
}

/**
 * The limits of a credential that is made with another: what both allow.
 *
 * @param own - Those of the credential that it is made with; `null` for none.
 * @param wanted - `null`: the same.
 * @throws {@link StrongroomError} `escalation_refused` for networks outside the other's.
 */
export function narrowLimits(own: string | null, wanted: string | null): string | null {
  if (own === null) return wanted;
  const [outer, inner] = [decodeLimits(own), decodeLimits(wanted)];
  const can =
    outer.can === undefined
      ? inner.can
      : (inner.can ?? outer.can).filter((each) => outer.can?.includes(each));
  return encodeLimits({ can, conditions: narrowConditions(outer.conditions, inner.conditions) });
}

/** Conditions of both; of networks those that were wanted, which lie within the other's. */
function narrowConditions(own: string | undefined, wanted: string | undefined): string | undefined {
  if (own === undefined || wanted === undefined) return own ?? wanted;
  const [outer, inner] = [own, wanted].map((text) => parseCanonicalJson(text)) as [Cidr, Cidr];
  const outside = inner.cidr?.some(
    (network) => outer.cidr?.some((other) => containsNetwork(other, network)) === false,
  );
  if (outside === true) {
    throw new StrongroomError(
      'escalation_refused',
      'a token is taken from no other networks than the one that it is made with',
    );
  }
  return canonicalJson({ ...inner, ...outer, cidr: inner.cidr ?? outer.cidr });
}

interface Cidr {
  readonly cidr?: readonly string[];
}

/**
 * Refuses a credential that counts in some circumstances only: what it lets others do would count
 * in all.
 *
 * @throws {@link StrongroomError} `escalation_refused`.
 */
export function requireUnlimited(credential: Pick<TokenRow, 'limits'> | undefined): void {
  if (decodeLimits(credential?.limits ?? null).conditions === undefined) return;
  throw new StrongroomError(
    'escalation_refused',
    'a credential that is limited to networks gives nobody rights, and opens no way in',
    { hint: 'sign in without such a limit, or ask somebody who can' },
  );
}
