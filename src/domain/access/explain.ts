import type { Standing } from './conditions.ts';
import { covers, decide, type AccessRequest, type Decision } from './decide.ts';
import type { HeldGrant, PrincipalView } from './policy.ts';

/** Why a request is allowed or not. */
export interface Explanation extends Decision {
  /** The rule that decided, if one did. */
  readonly held: HeldGrant | undefined;
  /** Rules that would allow it, but whose conditions are not known to be met. */
  readonly conditional: readonly { readonly held: HeldGrant; readonly standing: Standing }[];
}

/** Decides a request, and tells what decided. */
export function explain(view: PrincipalView, request: AccessRequest): Explanation {
  const decision = decide(request, view.rules);
  const held = view.grants.find(({ id }) => id === decision.rule);
  const conditional = decision.allowed
    ? []
    : view.grants.flatMap((each) => {
        if (each.effect !== 'allow' || each.condition === undefined) return [];
        if (!covers(each, request)) return [];
        return [{ held: each, standing: each.condition(request.circumstances) }];
      });
  return { ...decision, held, conditional };
}
