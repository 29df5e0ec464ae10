import type { RestRoute } from '../http/rest/rest-route.ts';

/** What is asked of a server to call an operation at one of its addresses. */
export interface RestRequestLine {
  readonly method: string;
  readonly target: string;
  /** The JSON body, if the method has one. */
  readonly body?: object;
}

/** What an address names that the input of its operation does not. */
export interface AddressNames {
  /** The id of the secret, where the address is by id. */
  readonly secretId?: string | undefined;
}

const NO_ID = '01890000-0000-7000-8000-000000000000';

type Members = Readonly<Record<string, unknown>>;

/** The request at one of the addresses of an operation that says what an input says. */
export function restRequest(
  route: RestRoute,
  input: object,
  { secretId }: AddressNames = {},
): RestRequestLine {
  const { method, path, workspaceAs = 'workspace' } = route.binding;
  const wire = route.input.encode(input) as Members;
  const given = input as Members;
  const used = new Set<string>();
  const target = path.replaceAll(/\{(\w+)(\+?)\}/g, (_, name: string, rest: string) => {
    used.add(name);
    if (name === 'workspace_id') return encode(given[workspaceAs] ?? 'default');
    if (name === 'secret_id') return encode(secretId ?? given['id']);
    if (rest !== '') return String(given[name]).split('/').map(encode).join('/');
    return encode(given[name] ?? wire[name] ?? absent(route, input)[name]);
  });
  const left = Object.entries(wire).filter(
    ([name, value]) => value !== undefined && !used.has(name),
  );
  if (method !== 'GET' && method !== 'DELETE') {
    return { method, target, body: Object.fromEntries(left) };
  }
  const query = new URLSearchParams(
    left.flatMap(([name, value]) => {
      const values: readonly unknown[] = Array.isArray(value) ? value : [value];
      return values.map((each) => [name, String(each)]);
    }),
  ).toString();
  return { method, target: query === '' ? target : `${target}?${query}` };
}

/**
 * The input that an operation is called with by that request, where all of it fits.
 *
 * @throws ZodError if it does not.
 */
export function inputAt(route: RestRoute, input: object): unknown {
  const { omit = [], fixed = {} } = route.binding;
  const said = Object.entries(input).filter(([member]) => !omit.includes(member));
  const whole = { ...Object.fromEntries(said), ...fixed, ...absent(route, input) };
  return route.operation.input.parse(whole);
}

/** The names that an address has in it, such as `workspace_id`. */
export function namesIn(route: RestRoute): readonly string[] {
  return [...route.binding.path.matchAll(/\{(\w+)\+?\}/g)].map(([, name = '']) => name);
}

/** What stands in an address for members that the input does not have. */
function absent(route: RestRoute, input: object): Members {
  const missing = namesIn(route).filter(
    (name) => route.members.has(name) && (input as Members)[name] === undefined,
  );
  return Object.fromEntries(
    missing.map((name) => [name, name === 'id' ? NO_ID : 'trash_retention_days']),
  );
}

function encode(value: unknown): string {
  return encodeURIComponent(String(value));
}
