import { describe, expect, it } from 'vitest';

import { findProgram } from './find-program.ts';

describe('looking for a program', () => {
  it('passes over directories on PATH that cannot be looked into', () => {
    const unreadable = `/${'x'.repeat(300)}`;
    expect(findProgram('sh', `${unreadable}:/bin`)).toBe('/bin/sh');
  });

  it('tells what is missing from what is no program', () => {
    expect(() => findProgram('no-such-program', '/bin')).toThrow(
      expect.objectContaining({ code: 'program_not_found' }),
    );
    expect(() => findProgram('/etc/passwd')).toThrow(
      expect.objectContaining({ code: 'program_not_executable' }),
    );
  });
});
