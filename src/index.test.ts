import { readdirSync, readFileSync } from 'node:fs';

import { parseAst } from 'rolldown/parseAst';
import { describe, expect, it } from 'vitest';

const OPERATIONS = new URL('core/operations/', import.meta.url);
/** Worked out from the table of operations, of which {@link ofOperations} has what they take and answer. */
const COMPUTED: ReadonlySet<string> = new Set(['Methods']);

/** A node of the syntax tree (ESTree with types). */
interface Node {
  readonly type: string;
  readonly [member: string]: unknown;
}

/** A name, and the file that declares it. */
interface Declared {
  readonly file: string;
  readonly name: string;
}

/** What a file declares, and where its other names are from. */
interface Source {
  readonly text: string;
  readonly nodes: readonly Node[];
  readonly declared: ReadonlyMap<string, Node>;
  readonly elsewhere: ReadonlyMap<string, Declared>;
}

const isNode = (given: unknown): given is Node =>
  typeof given === 'object' && given !== null && 'type' in given;
const nodesOf = (given: unknown): readonly Node[] => [given].flat().filter(isNode);
const nameOf = (given: unknown): string => String(nodesOf(given)[0]?.['name'] ?? '');
const keyOf = ({ file, name }: Declared): string => `${name} of ${file}`;

const sources = new Map<string, Source>();

function sourceOf(file: string): Source {
  const known = sources.get(file);
  if (known !== undefined) return known;
  const text = readFileSync(new URL(file, import.meta.url), 'utf8');
  const program: unknown = parseAst(text, { lang: 'ts' });
  const nodes = nodesOf(isNode(program) ? program['body'] : undefined);
  const declared = new Map(nodes.flatMap(declarationsOf));
  const source = { text, nodes, declared, elsewhere: new Map(nodes.flatMap(namesFrom(file))) };
  sources.set(file, source);
  return source;
}

function declarationsOf(node: Node): readonly (readonly [string, Node])[] {
  const declaration = nodesOf(node['declaration'])[0] ?? node;
  const all = [declaration, ...nodesOf(declaration['declarations'])];
  return all.filter(({ id }) => id !== undefined).map((each) => [nameOf(each['id']), each]);
}

/** The names that a line imports, or gives on, from another file of the project. */
function namesFrom(file: string): (node: Node) => readonly (readonly [string, Declared])[] {
  return ({ source, specifiers }) => {
    const from = String(nodesOf(source)[0]?.['value'] ?? '');
    if (!from.startsWith('.')) return [];
    const other = new URL(from, new URL(file, 'file:///')).pathname.slice(1);
    return nodesOf(specifiers).map(({ imported, exported, local }) => [
      nameOf(exported ?? local),
      { file: other, name: nameOf(imported ?? local) },
    ]);
  };
}

/** The declaration that a name in a file stands for; none for what the language or a package has. */
function declarationOf(file: string, name: string): readonly Declared[] {
  const { declared, elsewhere } = sourceOf(file);
  const other = elsewhere.get(name);
  if (other !== undefined) return [other];
  return declared.has(name) ? [{ file, name }] : [];
}

/** All nodes below one, without those that nobody outside can see. */
function visible(node: Node, text: string): readonly Node[] {
  if (isHidden(node, text)) return [];
  const below = Object.values(node).flatMap(nodesOf);
  return [node, ...below.flatMap((each) => visible(each, text))];
}

function isHidden(node: Node, text: string): boolean {
  if (node.type === 'BlockStatement' || node['accessibility'] === 'private') return true;
  if (nodesOf(node['key'])[0]?.type === 'PrivateIdentifier') return true;
  if (node['kind'] !== 'constructor') return false;
  const before = text.slice(0, Number(node['start']));
  return before.slice(before.lastIndexOf('/**')).includes('@internal');
}

/** The name of a type that a node is. */
function typeNameOf(node: Node): string {
  if (node.type === 'TSTypeReference') return nameOf(node['typeName']);
  const isHeritage = node.type === 'TSInterfaceHeritage' || node.type === 'TSClassImplements';
  return isHeritage ? nameOf(node['expression']) : '';
}

/** The types of this project that a declaration names. */
function namedBy({ file, name }: Declared): readonly Declared[] {
  const node = COMPUTED.has(name) ? undefined : sourceOf(file).declared.get(name);
  return node === undefined ? [] : namedIn(file, node);
}

/**
 * As {@link namedBy}, of any node.
 *
 * @param isBase - Whether its members are taken over: then it needs no name itself.
 */
function namedIn(file: string, node: Node, isBase: boolean = false): readonly Declared[] {
  if (isHidden(node, sourceOf(file).text) || node['operator'] === 'keyof') return [];
  const name = typeNameOf(node);
  if (name === 'Pick' || name === 'Omit') {
    const [from, words] = parametersOf(node);
    return ofMembers(file, { from, words, areTaken: name === 'Pick' });
  }
  if (node.type === 'TSIndexedAccessType') {
    const [[from], [words]] = [nodesOf(node['objectType']), nodesOf(node['indexType'])];
    return ofMembers(file, { from, words, areTaken: true });
  }
  const own = declarationOf(file, name);
  const areBases = node.type === 'TSIntersectionType';
  const below = Object.values(node).flatMap(nodesOf);
  return [
    ...(isBase ? own.flatMap(namedBy) : own),
    ...below.flatMap((each) =>
      namedIn(file, each, areBases || each.type === 'TSInterfaceHeritage'),
    ),
  ];
}

function parametersOf(node: Node): readonly Node[] {
  return nodesOf(nodesOf(node['typeArguments'])[0]?.['params']);
}

interface Members {
  readonly from: Node | undefined;
  readonly words: Node | undefined;
  /** Whether these words are taken, and not all others. */
  readonly areTaken: boolean;
}

/** What some members of a type name. */
function ofMembers(file: string, { from, words, areTaken }: Members): readonly Declared[] {
  if (from === undefined) return [];
  const said = [...JSON.stringify(words).matchAll(/"value":"(\w+)"/g)].map(([, word]) => word);
  return declarationOf(file, typeNameOf(from)).flatMap((type) => {
    const body = nodesOf(sourceOf(type.file).declared.get(type.name)?.['body'])[0];
    return nodesOf(body?.['body'])
      .filter(({ key }) => said.includes(nameOf(key)) === areTaken)
      .flatMap((member) => namedIn(type.file, member));
  });
}

/** What operations take and answer, wherever a type `Operation<…, …>` says so. */
function ofOperations(): readonly Declared[] {
  const files = readdirSync(OPERATIONS)
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .map((file) => `core/operations/${file}`);
  return files.flatMap((file) =>
    sourceOf(file)
      .nodes.flatMap((node) => visible(node, sourceOf(file).text))
      .filter((node) => typeNameOf(node) === 'Operation')
      .flatMap((node) => parametersOf(node).slice(0, 2))
      .flatMap((node) => namedIn(file, node)),
  );
}

/** Types that can be met by way of a door, but have no name there. */
function missingAt(door: string, more: readonly Declared[] = []): readonly string[] {
  const given = [...sourceOf(door).elsewhere.values()];
  const named = new Set(given.map(keyOf));
  const met = new Map<string, string>();
  const left = [...more, ...given].map((each) => ({ each, by: door }));
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const key = keyOf(next.each);
    if (met.has(key)) continue;
    met.set(key, `${key}, named by ${next.by}`);
    left.push(...namedBy(next.each).map((each) => ({ each, by: key })));
  }
  return [...met].filter(([key]) => !named.has(key)).map(([, told]) => told);
}

describe('a door has a name for every type that can be met there', () => {
  it('of the library: what operations take and answer, and what these name', () => {
    expect(ofOperations().length).toBeGreaterThan(200);
    expect(missingAt('index.ts', ofOperations())).toEqual([]);
  });

  it('of the client', () => {
    expect(missingAt('client/index.ts')).toEqual([]);
  });
});
