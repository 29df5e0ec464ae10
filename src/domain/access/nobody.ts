import { toRules } from './decide.ts';
import type { PrincipalView } from './policy.ts';

/** Who calls before it is known who: may do nothing but what asks for no right. It is no row. */
export const NOBODY: PrincipalView = {
  principal: { id: '00000000-0000-7000-8000-000000000001', name: 'nobody', kind: 'nobody' },
  grants: [],
  rules: toRules([]),
};
