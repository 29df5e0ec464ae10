/** A stretch of the input, from `start` up to but without `end`, in bytes since the beginning. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * Patterns compiled for {@link PatternScan}: the automaton of Aho and Corasick
 * (1975). Nodes are numbered so that the first child of a node usually has the
 * next number, which needs no edge; a node with other children has a row of all
 * 256 transitions. About 14 bytes for each byte of the patterns, and 1 KiB for
 * each place where two of them part. It holds the patterns in clear.
 */
export interface PatternTables {
  /** The byte that leads from node n to node n + 1, or -1. */
  readonly next: Int16Array;
  /** The node of the longest proper suffix that is a prefix too, or -1 - r for a node with row r. */
  readonly fail: Int32Array;
  /** The rows, 256 nodes each. */
  readonly rows: Int32Array;
  /** The number of bytes from the root to the node. */
  readonly depth: Int32Array;
  /** The length of the longest pattern that ends at the node, or 0. */
  readonly longest: Int32Array;
}

const ROOT = 0;
const NONE = -1;

/**
 * Compiles patterns, in time proportional to their total length. Patterns may
 * repeat and contain one another; empty ones are never found.
 */
export function compilePatterns(patterns: readonly Uint8Array[]): PatternTables {
  let capacity = 1;
  for (const pattern of patterns) capacity += pattern.length;
  const trie: Trie = {
    size: 1,
    next: new Int16Array(capacity).fill(NONE),
    depth: new Int32Array(capacity),
    longest: new Int32Array(capacity),
    branches: new Map([[ROOT, []]]),
  };
  for (const pattern of patterns) insert(trie, pattern);
  return link(trie);
}

interface Branch {
  readonly byte: number;
  readonly child: number;
}

interface Trie {
  size: number;
  readonly next: Int16Array;
  readonly depth: Int32Array;
  readonly longest: Int32Array;
  /** The children that do not have the next number. The root has an entry in any case. */
  readonly branches: Map<number, Branch[]>;
}

function insert(trie: Trie, pattern: Uint8Array): void {
  let node = ROOT;
  for (const byte of pattern) node = childOf(trie, node, byte) ?? addChild(trie, node, byte);
  trie.longest[node] = pattern.length;
}

function childOf(trie: Trie, node: number, byte: number): number | undefined {
  if (trie.next[node] === byte) return node + 1;
  return trie.branches.get(node)?.find((branch) => branch.byte === byte)?.child;
}

function addChild(trie: Trie, node: number, byte: number): number {
  const child = trie.size;
  trie.size += 1;
  trie.depth[child] = (trie.depth[node] ?? 0) + 1;
  if (child === node + 1) {
    trie.next[node] = byte;
    return child;
  }
  const branches = trie.branches.get(node);
  if (branches === undefined) trie.branches.set(node, [{ byte, child }]);
  else branches.push({ byte, child });
  return child;
}

/** Goes by depth, so that all a node falls back to is complete before it. */
function link(trie: Trie): PatternTables {
  const { next, depth, longest, branches } = trie;
  const fail = new Int32Array(next.length);
  const rows = new Int32Array(branches.size * 256);
  const tables: PatternTables = { next, fail, rows, depth, longest };
  const queue = new Int32Array(trie.size);
  let queued = 1;
  let rowsUsed = 0;
  for (let head = 0; head < queued; head += 1) {
    const node = queue[head] ?? ROOT;
    const fallback = fail[node] ?? ROOT;
    if (longest[node] === 0) longest[node] = longest[fallback] ?? 0;
    const byte = next[node] ?? NONE;
    const others = branches.get(node);
    if (others === undefined) {
      if (byte === NONE) continue;
      fail[node + 1] = step(tables, fallback, byte);
      queue[queued++] = node + 1;
      continue;
    }
    const row = rows.subarray(rowsUsed * 256, (rowsUsed + 1) * 256);
    if (node !== ROOT) for (let b = 0; b < 256; b += 1) row[b] = step(tables, fallback, b);
    const chained = byte === NONE ? [] : [{ byte, child: node + 1 }];
    for (const branch of [...chained, ...others]) {
      fail[branch.child] = row[branch.byte] ?? ROOT;
      row[branch.byte] = branch.child;
      queue[queued++] = branch.child;
    }
    fail[node] = -1 - rowsUsed;
    rowsUsed += 1;
  }
  return tables;
}

function step(tables: PatternTables, from: number, byte: number): number {
  const { next, fail, rows } = tables;
  for (let node = from; ;) {
    const fallback = fail[node] ?? NONE;
    if (fallback < 0) return rows[(-1 - fallback) * 256 + byte] ?? ROOT;
    if (next[node] === byte) return node + 1;
    node = fallback;
  }
}

/**
 * Finds all that patterns cover in an input that arrives in pieces, in time
 * proportional to the input, whatever the patterns. Overlapping finds are one
 * span; finds that only touch stay apart.
 */
export class PatternScan {
  readonly #tables: PatternTables;
  readonly #spans: Span[] = [];
  #node: number = ROOT;
  #position = 0;

  /** Starts at the beginning of an input. Scans can share tables. */
  constructor(tables: PatternTables) {
    this.#tables = tables;
  }

  /** Where the undecided rest begins: it may be the beginning of a pattern; no later find begins before it. */
  get settled(): number {
    return this.#position - (this.#tables.depth[this.#node] ?? 0);
  }

  /**
   * The spans found and not yet forgotten, in order. One that reaches past
   * `settled` may still grow at its end, one that begins at or after it also
   * at its beginning.
   */
  get spans(): readonly Span[] {
    return this.#spans;
  }

  /** Forgets the first `count` spans. */
  forget(count: number): void {
    this.#spans.splice(0, count);
  }

  /** Reads the next piece. */
  feed(piece: Uint8Array): void {
    const { next, fail, rows, longest } = this.#tables;
    let node = this.#node;
    for (let i = 0; i < piece.length; i += 1) {
      const byte = piece[i] ?? 0;
      // The body of `step`, written out: this is the loop that runs for every byte.
      for (;;) {
        const fallback = fail[node] ?? NONE;
        if (fallback < 0) {
          node = rows[(-1 - fallback) * 256 + byte] ?? ROOT;
          break;
        }
        if (next[node] === byte) {
          node += 1;
          break;
        }
        node = fallback;
      }
      const length = longest[node] ?? 0;
      if (length === 0) continue;
      this.#add(this.#position + i + 1 - length, this.#position + i + 1);
      // From a node without children nothing grows, so only what its suffix begins is undecided.
      while (next[node] === NONE && (fail[node] ?? NONE) >= 0) node = fail[node] ?? ROOT;
    }
    this.#node = node;
    this.#position += piece.length;
  }

  /** Ends only ever grow, so a new find can overlap nothing but the last spans. */
  #add(from: number, end: number): void {
    let start = from;
    for (let last = this.#spans.at(-1); last !== undefined && last.end > from;) {
      start = Math.min(start, last.start);
      this.#spans.pop();
      last = this.#spans.at(-1);
    }
    this.#spans.push({ start, end });
  }
}
