import type { Capability } from './capability.ts';
import type { Grant } from './decide.ts';

/** The rules that end at one place of the tree, by capability. */
export type RulesByCapability = ReadonlyMap<Capability, readonly Grant[]>;

/** The first segment of resources that belong to the vault itself: no wildcard stands for it. */
const SYSTEM = 'sys';

/** A place in the tree of patterns. */
interface Node {
  /** What literal segments lead to. */
  readonly children: Map<string, Node>;
  /** What `*` leads to. */
  star: Node | undefined;
  /** What `**` leads to. */
  rest: Node | undefined;
  /** Whether `**` led here, so that any segment leads here again. */
  readonly isRest: boolean;
  readonly rules: Map<Capability, Grant[]>;
}

/**
 * Patterns as a tree of their segments. A resource is walked through it from
 * its first segment to its last, so that the cost does not grow with the
 * number of patterns that have nothing to do with it.
 */
export interface CompiledRules {
  /** The rules of every pattern that covers a resource. */
  matching(resource: readonly string[]): readonly RulesByCapability[];
}

/** Builds the tree. A grant without a pattern, as on a secret in the trash, covers nothing. */
export function compileRules(grants: readonly Grant[]): CompiledRules {
  const root = makeNode(false);
  for (const grant of grants) {
    if (grant.pattern.length === 1 && grant.pattern[0] === '') continue;
    add(root, grant);
  }
  return { matching: (resource) => walk(root, resource) };
}

function makeNode(isRest: boolean): Node {
  return { children: new Map(), star: undefined, rest: undefined, isRest, rules: new Map() };
}

function add(root: Node, grant: Grant): void {
  let node = root;
  for (const segment of grant.pattern) {
    if (segment === '**') {
      node.rest ??= makeNode(true);
      node = node.rest;
    } else if (segment === '*') {
      node.star ??= makeNode(false);
      node = node.star;
    } else {
      const next = node.children.get(segment) ?? makeNode(false);
      node.children.set(segment, next);
      node = next;
    }
  }
  for (const capability of grant.capabilities) {
    const rules = node.rules.get(capability) ?? [];
    node.rules.set(capability, rules);
    addRule(rules, grant);
  }
}

/** Of rules that say the same without a condition, the one with the lowest id is named for all. */
function addRule(rules: Grant[], grant: Grant): void {
  const same =
    grant.condition === undefined
      ? rules.findIndex(
          (each) =>
            each.condition === undefined &&
            each.effect === grant.effect &&
            each.workspaceId === grant.workspaceId,
        )
      : -1;
  const known = rules[same];
  if (known === undefined) rules.push(grant);
  else if (grant.id < known.id) rules[same] = grant;
}

/** Follows every way through the tree that a resource fits. */
function walk(root: Node, resource: readonly string[]): readonly RulesByCapability[] {
  let places: Node[] = [];
  let from = 0;
  if (resource[0] === SYSTEM) {
    enter(places, root.children.get(SYSTEM));
    from = 1;
  } else {
    enter(places, root);
  }
  for (let at = from; at < resource.length && places.length > 0; at += 1) {
    const segment = resource[at] ?? '';
    const next: Node[] = [];
    for (const node of places) {
      if (node.isRest) enter(next, node);
      enter(next, node.star);
      enter(next, node.children.get(segment));
    }
    places = next;
  }
  return places.map(({ rules }) => rules);
}

/** `**` may stand for no segment at all, so where it leads is reached at once. */
function enter(places: Node[], node: Node | undefined): void {
  if (node === undefined) return;
  // Only what `**` leads to can be come to by two ways.
  if (node.isRest && places.includes(node)) return;
  places.push(node);
  enter(places, node.rest);
}
