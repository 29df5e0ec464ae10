import type { Capability } from '../../domain/access/capability.ts';
import { findSecret } from '../../domain/secrets/find.ts';
import { rowsUnder } from '../../domain/secrets/rows-under.ts';
import type { Environment } from '../../domain/workspaces/directory.ts';
import type { Call } from '../operation.ts';
import { mayAt } from '../rights-at.ts';

const ANY = /\*/;
/** How many secrets of a folder are looked at for one that the caller may list. */
const LOOK_MAX = 100;

/**
 * What is odd about what a rule covers at the moment: warnings, none if nothing is. A place that
 * is not there is somebody else's to tell, and who may not list a secret is not told whether it is there.
 *
 * @param rule.pattern - One of a workspace and, perhaps, an environment that are there.
 */
export async function coverWarnings(
  call: Call,
  rule: { readonly can: readonly Capability[]; readonly pattern: string },
): Promise<readonly string[]> {
  const [first = '', second, ...rest] = rule.pattern.split('/');
  if (first === 'sys' || ANY.test(first) || ANY.test(second ?? '')) return [];
  if (rest.length === 0) {
    const what = second === undefined ? 'workspace' : 'environment';
    // Of the workspace and the environment themselves there is something to administer.
    if (rule.can.every((each) => each === 'admin')) return [];
    return [`the rule covers the ${what} and no secret in it: those are ${rule.pattern}/**`];
  }
  const environment = call.directory
    .environments(call.directory.workspace(first))
    .find(({ name }) => name === second);
  return environment === undefined ? [] : secretWarnings(call, environment, rest);
}

async function secretWarnings(
  call: Call,
  environment: Environment,
  pattern: readonly string[],
): Promise<readonly string[]> {
  const end = pattern.findIndex((segment) => ANY.test(segment));
  const path = pattern.slice(0, end === -1 ? undefined : end).join('/');
  if (path === '' || !mayAt(call, 'list', environment, path)) return [];
  const { name } = environment;
  const inside = await rowsUnder(call, environment, { prefix: `${path}/`, limit: LOOK_MAX });
  const hasFolder = inside.some((row) => mayAt(call, 'list', environment, row.path));
  if (end !== -1) {
    return hasFolder
      ? []
      : [`there is no secret under ${path} in ${name}: the rule counts once there is one`];
  }
  if ((await findSecret(call, environment, path)) !== undefined) return [];
  return [
    hasFolder
      ? `${path} is no secret but a folder in ${name}: what is in it is ${path}/**`
      : `there is no secret ${path} in ${name}: the rule counts once there is one`,
  ];
}
