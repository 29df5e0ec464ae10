import { execFileSync } from 'node:child_process';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasShell, sourcedValues } from '../testing/sourced-values.ts';
import { renderShell } from './shell.ts';

const NASTY: readonly string[] = [
  '',
  ' ',
  "'",
  "''",
  "'''",
  "'; touch owned; '",
  '$(touch owned)',
  '`touch owned`',
  '${IFS}',
  '$((1/0))',
  '!!',
  '-n',
  '--help',
  '\\',
  '\\\\',
  "\\'",
  "a\\'\n",
  '\n',
  '\n\n',
  'a\r\nb\r',
  '~/x:~',
  '=ls',
  '*',
  '{a,b}',
  '# no comment',
  'a; exit 1',
  '&& touch owned',
  '> owned',
  '\t\u000b\u0001\u007f\u0088\u001b[0m',
  'Grüße 👋 \u0081\u0085\u00a0\ufeff\u2028',
  'EOF\n)',
];

/** Whether a name can be written at all. */
function isRendered(name: string): boolean {
  try {
    return renderShell([{ name, value: '' }]) !== '';
  } catch {
    return false;
  }
}

const text = fc
  .array(
    fc.oneof(
      fc.constantFrom(...NASTY),
      fc.constantFrom("'", '"', '`', '$', '\\', '\n', ' '),
      fc.string({ unit: 'grapheme', maxLength: 8 }),
      fc.string({ unit: 'binary', maxLength: 8 }).map((each) => each.toWellFormed()),
    ),
    { maxLength: 6 },
  )
  .map((parts) => parts.join('').replaceAll('\0', ''));

describe('the shell format', () => {
  // sh and bash must be there; the others are asked too where they are.
  for (const shell of ['sh', 'bash', ...['dash', 'zsh', 'ksh'].filter(hasShell)]) {
    it(`gives every value back when ${shell} sources it`, () => {
      const values = [...NASTY, ...fc.sample(text, 1500)];
      const variables = values.map((value, at) => ({ name: `V${at}`, value }));
      const names = variables.map((variable) => variable.name);
      const [read] = sourcedValues(shell, [{ text: renderShell(variables), names }]);
      expect(read).toEqual(values);
    });
  }

  it('is one export line for each variable', () => {
    expect(renderShell([])).toBe('');
    expect(
      renderShell([
        { name: 'A', value: "it's" },
        { name: '_b2', value: 'x\ny' },
      ]),
    ).toBe("export A='it'\\''s'\nexport _b2='x\ny'\n");
  });

  it.each(['', '1A', 'A-B', 'A B', 'A=', 'A\n', 'Ä', 'A;touch owned'])(
    'refuses %j as a name',
    (name) => {
      expect(() => renderShell([{ name, value: 'x' }])).toThrow(RangeError);
    },
  );

  it('refuses NUL without quoting the value', () => {
    expect(() => renderShell([{ name: 'A', value: 'hunter2\0' }])).toThrow(
      new RangeError('the value of A holds NUL'),
    );
  });

  it.each(['UID', 'OPTIND', 'RANDOM', 'status', 'USERNAME'])(
    'refuses %s, which shells keep',
    (name) => {
      expect(() => renderShell([{ name, value: '1' }])).toThrow(
        expect.objectContaining({ code: 'unsafe_variable_name', details: { name } }),
      );
    },
  );

  it('refuses every name that bash would not keep or would evaluate', () => {
    const known = execFileSync('bash', ['-c', 'compgen -v'], { encoding: 'utf8' }).split('\n');
    const dynamic = [
      'RANDOM',
      'SRANDOM',
      'HISTCMD',
      'LINENO',
      'BASH_ARGV0',
      'FUNCNAME',
      'TMOUT',
      'PIPESTATUS',
    ];
    const names = [...new Set([...known, ...dynamic, 'HOSTNAME', 'LANG'])].filter(isRendered);
    expect(names).toContain('LANG');
    const value = 'x[$(: > owned)]';
    const files = names.map((name) => ({ text: renderShell([{ name, value }]), names: [name] }));
    const read = sourcedValues('bash', files).flat();
    expect(names.filter((_, at) => read[at] !== value)).toEqual([]);
  });
});
