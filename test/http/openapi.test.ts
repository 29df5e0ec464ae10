// The description of every address: valid, complete, the same for anyone, and
// what the reference page is made from.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Validator } from '@seriousme/openapi-schema-validator';
import { afterEach, describe, expect, it } from 'vitest';

import { errorsOf } from '../../src/core/common-errors.ts';
import { STATUS } from '../../src/http/problem.ts';
import { openApi } from '../../src/http/rest/openapi.ts';
import { allRoutes } from '../../src/http/rest/rest-face.ts';
import { restReference } from '../../scripts/rest-reference.ts';
import { startServed, type Served, type ServedOptions } from './served.ts';

interface Described {
  readonly operationId: string;
  readonly responses: Readonly<Record<string, unknown>>;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
}

const document = openApi(allRoutes(), '1.2.3') as unknown as Document & Record<string, unknown>;
const described = Object.values(document.paths).flatMap((methods) => Object.values(methods));

const PAGE = '/api/openapi.json';
const PATHS = new Set(allRoutes().map(({ binding: { path } }) => path.replaceAll('+}', '}')));

interface Told {
  readonly $ref?: string;
  readonly content?: Readonly<Record<string, { readonly schema: unknown }>>;
}

/** An answer that is described, also where only a reference to it is. */
function resolved(told: unknown): Told | undefined {
  const answer = told as Told | undefined;
  return answer?.$ref === undefined ? answer : (find(answer.$ref) as Told);
}

/** The codes that an answer may have. */
function codesAt(told: unknown): readonly string[] {
  const schema = resolved(told)?.content?.['application/problem+json']?.schema as
    | { readonly allOf: readonly { readonly properties?: { readonly code: { enum: string[] } } }[] }
    | undefined;
  return schema?.allOf.flatMap(({ properties }) => properties?.code.enum ?? []) ?? [];
}

let served: Served | undefined;

afterEach(async () => {
  await served?.close();
  served = undefined;
});

async function start(options?: ServedOptions): Promise<Served> {
  served = await startServed(options);
  return served;
}

/** Every reference of a document. */
function references(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, each]) =>
    name === '$ref' && typeof each === 'string' ? [each] : references(each),
  );
}

function find(reference: string): unknown {
  const parts = reference.replace(/^#\//, '').split('/');
  return parts.reduce<unknown>((at, part) => (at as Record<string, unknown>)?.[part], document);
}

describe('the description of every address', () => {
  it('is valid OpenAPI 3.1', async () => {
    const validator = new Validator();
    const { valid, errors } = await validator.validate(structuredClone(document));
    expect(errors).toBeUndefined();
    expect(valid).toBe(true);
    expect(validator.version).toBe('3.1');
  });

  it('has each address of each operation, under an id of its own', () => {
    expect(described.length).toBeGreaterThan(allRoutes().length);
    expect(new Set(described.map(({ operationId }) => operationId)).size).toBe(described.length);
  });

  it('refers to nothing that it does not have', () => {
    const all = [...new Set(references(document))];
    expect(all).not.toHaveLength(0);
    expect(all.filter((reference) => find(reference) === undefined)).toEqual([]);
  });

  it('has the codes of each operation, and no others, at the status that each has', () => {
    for (const { operation, binding } of allRoutes()) {
      const methods = document.paths[binding.path.replaceAll('+}', '}')];
      const { responses = {} } = methods?.[binding.method.toLowerCase()] ?? {};
      const good = Object.keys(responses).filter((status) => status.startsWith('2'));
      expect([operation.name, good.length]).toEqual([operation.name, 1]);
      for (const code of errorsOf(operation)) {
        expect([operation.name, codesAt(responses[STATUS[code]])]).toEqual([
          operation.name,
          expect.arrayContaining([code]),
        ]);
      }
      const said = Object.values(responses).flatMap(codesAt);
      expect(said.filter((code) => code.endsWith('_exists')).toSorted()).toEqual(
        operation.errors.filter((code) => code.endsWith('_exists')).toSorted(),
      );
    }
  });

  it('has the pages of a server besides, but for those that only browsers are sent to', async () => {
    const { ask } = await start();
    const pages = Object.keys(document.paths).filter((path) => !PATHS.has(path));
    expect(pages).toEqual([
      '/health/live',
      '/health/ready',
      '/metrics',
      '/api/openapi.json',
      '/api/sys/seal-status',
      '/api/sys/unseal',
    ]);
    for (const path of pages) {
      const [method = '', each] = Object.entries(document.paths[path] ?? {})[0] ?? [];
      const { status, headers } = await ask(path, { method: method.toUpperCase() });
      const told = each?.responses[status] as { readonly content?: object } | undefined;
      expect([path, status, told]).toEqual([path, status, expect.anything()]);
      expect(Object.keys(resolved(told)?.content ?? {})).toContain(headers['content-type']);
    }
  });

  it('is what docs/reference/rest.md says: `npm run generate` writes it', () => {
    const path = join(import.meta.dirname, '..', '..', 'docs', 'reference', 'rest.md');
    expect(readFileSync(path, 'utf8') === restReference()).toBe(true);
  });
});

describe('its page', () => {
  it('is for anyone, and says nothing of this vault', async () => {
    const { ask } = await start({ version: '1.2.3' });
    const { status, headers, body } = await ask(PAGE);
    expect([status, headers['content-type']]).toEqual([200, 'application/json']);
    expect(JSON.parse(body)).toEqual(JSON.parse(JSON.stringify(document)));
    const posted = await ask(PAGE, { json: {} });
    expect([posted.status, posted.headers.allow]).toEqual([405, 'GET']);
  });

  it('A2 counts for its address as everything else does', async () => {
    const { ask } = await start({ rateLimits: { address: { perSecond: 0.01, burst: 2 } } });
    const statuses = [await ask(PAGE), await ask(PAGE), await ask(PAGE)].map((one) => one.status);
    expect(statuses).toEqual([200, 200, 429]);
  });
});
