import { StrongroomError } from '../../errors.ts';
import { isUuid } from '../../lib/ids.ts';

const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** Names that mean something else somewhere, mostly to clients of other vaults. */
const RESERVED: ReadonlySet<string> = new Set([
  'sys',
  'auth',
  'secret',
  'cubbyhole',
  'transit',
  'database',
  'pki',
  'identity',
  'kv',
  'root',
]);

/** The workspace and the environments that every vault begins with. */
export const FIRST_WORKSPACE = 'default';
export const FIRST_ENVIRONMENTS: readonly string[] = [
  'development',
  'staging',
  'production',
  'testing',
];

/**
 * Checks the name of a new workspace or environment.
 *
 * @throws {@link StrongroomError} `invalid_name`, `reserved_name`.
 */
export function requireNewName(kind: 'workspace' | 'environment', name: string): void {
  if (!isName(name)) {
    throw new StrongroomError(
      'invalid_name',
      `a name of ${kind === 'environment' ? 'an environment' : 'a workspace'} is 1 to 63 lower-case letters, digits and hyphens, and does not begin with a hyphen`,
    );
  }
  // Addresses take either a name or an id.
  if (RESERVED.has(name) || name === FIRST_WORKSPACE || isUuid(name)) {
    throw new StrongroomError('reserved_name', `the name ${name} is reserved`, {
      details: { name },
      hint: 'choose another name',
    });
  }
}

/** Whether a text has the form of a workspace's or environment's name. */
export function isName(text: string): boolean {
  return NAME.test(text);
}
