// What schemas say of the form of a text, for whoever reads the description of the API: it has to
// take all that is taken, and to refuse what is refused for its form alone.

import { describe, expect, it } from 'vitest';
import type { ZodType } from 'zod';

import { jsonSchemaOf } from '../../http/rest/json-schema.ts';
import { pattern } from './access-rules.ts';
import { generator, rotation } from './rotation-input.ts';
import { subjectText } from './secret-access.ts';
import { pathOrFolder } from './secret-folder.ts';
import { duration } from './token-view.ts';

interface Form {
  readonly schema: ZodType;
  readonly taken: readonly string[];
  readonly refused: readonly string[];
}

const FORMS: Readonly<Record<string, Form>> = {
  rotation: {
    schema: rotation,
    taken: [
      'manual',
      'auto',
      'auto_30_days',
      'auto_365_days',
      'every 45d',
      'every 1h',
      'cron 0 3 * * 1',
      'cron 0 3 * * 1 Europe/Berlin',
      'cron */5 1-3 1,15 JAN MON',
    ],
    refused: [
      '',
      'Manual',
      'auto_31_days',
      'every',
      'every 0d',
      'every 45',
      'every 45 d',
      'cron',
      'cron 0 3 * *',
      'cron 0 3 * * 1 UTC more',
      'never',
      'manual ',
    ],
  },
  generator: {
    schema: generator,
    taken: [
      'password',
      'password:24',
      'text:40:lower+digit',
      'hex:32',
      'base64:16',
      'uuid',
      'rsa:3072',
      'ec:p256',
      'ed25519',
      'ssh',
      'passphrase:6',
      'database',
      'jwt:HS256',
      'password:24@password',
      'api_key',
      'base64url',
      'text:9:[ab:@]',
    ],
    refused: ['', 'nothing', 'Password:24', 'password24', ' password', 'rsa 3072', ':24'],
  },
  duration: {
    schema: duration,
    taken: ['1m', '30m', '12h', '90d', '999999m'],
    refused: ['', '0m', '1', 'm', '1s', '1w', '01m', '1000000m', '-1d', '1.5h', '1d '],
  },
  pattern: {
    schema: pattern,
    taken: ['**', '*', 'default/production/**', 'sys/audit/**', 'a/*/b.c-d_e', 'default'],
    refused: ['', '/a', 'a/', 'a//b', 'a/***', 'a/b*', 'a b', 'a/%2f', 'ä'],
  },
  subject: {
    schema: subjectText,
    taken: ['user:ada', 'machine:ci', 'group:ops', 'role:reader', 'ada', 'user:jürgen@example.org'],
    refused: ['', 'user:', ':ada', 'team:x', 'user:a:b'],
  },
  folder: {
    schema: pathOrFolder,
    taken: ['a', 'a/b', 'a/', 'payments/STRIPE_KEY', 'a.b-c_d/e/'],
    refused: ['', '/', '/a', 'a//', 'a b', 'a/%2e', 'ä'],
  },
};

describe.each(Object.entries(FORMS))('the form of a %s', (_name, { schema, taken, refused }) => {
  const said = jsonSchemaOf(schema, 'input') as { pattern?: string; maxLength?: number };
  const isOfForm = (text: string): boolean =>
    new RegExp(said.pattern ?? '', 'u').test(text) && text.length <= (said.maxLength ?? 0);

  it.each(taken)('takes %j, as the schema does', (text) => {
    expect([schema.safeParse(text).success, isOfForm(text)]).toEqual([true, true]);
  });

  it.each(refused)('does not take %j', (text) => {
    expect(isOfForm(text)).toBe(false);
  });
});
