import type { RestMethod } from '../core/rest-binding.ts';

/** A route that fits a request, and what its path says. */
export interface Match<T> {
  readonly route: T;
  readonly params: Readonly<Record<string, string>>;
}

/** What was found for a path. Without a match, `allowed` says which methods it has. */
export interface Found<T> {
  readonly match: Match<T> | undefined;
  readonly allowed: readonly RestMethod[];
}

interface Leaf<T> {
  readonly route: T;
  /** What its parameters are called, in their order. */
  readonly names: readonly string[];
}

type Leaves<T> = Map<RestMethod, Leaf<T>>;

interface Node<T> {
  readonly literals: Map<string, Node<T>>;
  param: Node<T> | undefined;
  /** Takes all segments that follow; by the verb behind them. */
  readonly tails: Map<string, Leaves<T>>;
  readonly leaves: Leaves<T>;
}

interface Candidate<T> {
  readonly leaves: Leaves<T>;
  readonly values: readonly string[];
}

const PARAM = /^\{(?<name>[a-z_]+)\}$/;
const TAIL = /^\{(?<name>[a-z_]+)\+\}(?::(?<verb>[a-z-]+))?$/;

/**
 * Finds routes by decoded segments. A fixed word wins over a parameter, and a
 * parameter over one that takes all that follows, so that nothing is found by
 * the order in which routes were added.
 */
export class Router<T> {
  readonly #root: Node<T> = newNode();

  /**
   * Adds a route.
   *
   * @param path - Such as `/api/secrets/{secret_id}` or `/by-name/{path+}:value`.
   * @throws TypeError if there is one already.
   */
  add(method: RestMethod, path: string, route: T): void {
    const names: string[] = [];
    const leaves = this.#leavesOf(path.slice(1).split('/'), names);
    if (leaves.has(method)) throw new TypeError(`two routes for ${method} ${path}`);
    leaves.set(method, { route, names });
  }

  /** What there is for a path. */
  find(method: string, segments: readonly string[]): Found<T> {
    const allowed = new Set<RestMethod>();
    for (const { leaves, values } of candidates(this.#root, segments)) {
      const leaf = leaves.get(method as RestMethod);
      if (leaf !== undefined) return { match: matchOf(leaf, values), allowed: [] };
      for (const each of leaves.keys()) allowed.add(each);
    }
    return { match: undefined, allowed: [...allowed].toSorted() };
  }

  #leavesOf(parts: readonly string[], names: string[]): Leaves<T> {
    let node = this.#root;
    for (const part of parts) {
      const tail = TAIL.exec(part)?.groups;
      const name = PARAM.exec(part)?.groups?.['name'];
      if (tail !== undefined) {
        names.push(tail['name'] ?? '');
        return added(node.tails, tail['verb'] ?? '', () => new Map());
      }
      if (name === undefined) node = added(node.literals, part, newNode<T>);
      else {
        names.push(name);
        node = node.param ??= newNode();
      }
    }
    return node.leaves;
  }
}

function matchOf<T>({ route, names }: Leaf<T>, values: readonly string[]): Match<T> {
  return { route, params: Object.fromEntries(names.map((name, at) => [name, values[at] ?? ''])) };
}

/** Every place in the tree that the segments lead to, the most exact first. */
function* candidates<T>(
  node: Node<T>,
  segments: readonly string[],
  at = 0,
  values: readonly string[] = [],
): Generator<Candidate<T>> {
  const segment = segments[at];
  if (segment === undefined) {
    if (node.leaves.size > 0) yield { leaves: node.leaves, values };
    return;
  }
  const literal = node.literals.get(segment);
  if (literal !== undefined) yield* candidates(literal, segments, at + 1, values);
  if (node.param !== undefined) {
    yield* candidates(node.param, segments, at + 1, [...values, segment]);
  }
  if (node.tails.size > 0) yield* tails(node, segments.slice(at), values);
}

/** A verb stands behind the last colon, which no name has. */
function* tails<T>(
  node: Node<T>,
  rest: readonly string[],
  values: readonly string[],
): Generator<Candidate<T>> {
  const last = rest.at(-1) ?? '';
  const colon = last.lastIndexOf(':');
  const leaves = node.tails.get(colon === -1 ? '' : last.slice(colon + 1));
  if (leaves === undefined) return;
  const plain = colon === -1 ? last : last.slice(0, colon);
  yield { leaves, values: [...values, [...rest.slice(0, -1), plain].join('/')] };
}

function added<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const value = map.get(key) ?? make();
  map.set(key, value);
  return value;
}

function newNode<T>(): Node<T> {
  return { literals: new Map(), param: undefined, tails: new Map(), leaves: new Map() };
}
