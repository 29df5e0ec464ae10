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
    let match: Match<T> | undefined;
    const allowed = new Set<RestMethod>();
    visit(this.#root, { segments, values: [] }, 0, (leaves, values) => {
      const leaf = leaves.get(method as RestMethod);
      if (leaf !== undefined) match = matchOf(leaf, values);
      else for (const each of leaves.keys()) allowed.add(each);
      return leaf !== undefined;
    });
    return { match, allowed: match === undefined ? [...allowed].toSorted() : [] };
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
  const params: Record<string, string> = {};
  for (const [at, name] of names.entries()) params[name] = values[at] ?? '';
  return { route, params };
}

/** Told of a place in the tree, and what its parameters are. Whether it is the one. */
type Visitor<T> = (leaves: Leaves<T>, values: readonly string[]) => boolean;

/** The way down the tree: all segments, and those that parameters stand for so far. */
interface Way {
  readonly segments: readonly string[];
  readonly values: string[];
}

/** Visits every place in the tree that the segments lead to, the most exact first, until one is the right one. */
function visit<T>(node: Node<T>, way: Way, at: number, visitor: Visitor<T>): boolean {
  const { segments, values } = way;
  const segment = segments[at];
  if (segment === undefined) return node.leaves.size > 0 && visitor(node.leaves, values);
  const literal = node.literals.get(segment);
  if (literal !== undefined && visit(literal, way, at + 1, visitor)) return true;
  if (node.param !== undefined) {
    values.push(segment);
    if (visit(node.param, way, at + 1, visitor)) return true;
    values.pop();
  }
  return node.tails.size > 0 && visitTail(node, way, at, visitor);
}

/** A verb stands behind the last colon, which no name has. */
function visitTail<T>(
  node: Node<T>,
  { segments, values }: Way,
  at: number,
  visitor: Visitor<T>,
): boolean {
  const last = segments.at(-1) ?? '';
  const colon = last.lastIndexOf(':');
  const leaves = node.tails.get(colon === -1 ? '' : last.slice(colon + 1));
  if (leaves === undefined) return false;
  const plain = colon === -1 ? last : last.slice(0, colon);
  return visitor(leaves, [...values, [...segments.slice(at, -1), plain].join('/')]);
}

function added<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const value = map.get(key) ?? make();
  map.set(key, value);
  return value;
}

function newNode<T>(): Node<T> {
  return { literals: new Map(), param: undefined, tails: new Map(), leaves: new Map() };
}
