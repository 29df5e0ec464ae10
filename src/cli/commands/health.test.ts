import { describe, expect, it } from 'vitest';

import { backupFact } from './health.ts';

const ago = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString();
const said = (backupAt: string | undefined, backupDueAt: string | undefined): string =>
  backupFact({ backupAt, backupProvenAt: undefined, backupDueAt }, () => 'then');

describe('what health says of backups', () => {
  it('names one that was due and was not made', () => {
    expect(said(undefined, undefined)).toBe('none');
    expect(said(ago(60), undefined)).toBe('then, never restored');
    expect(said(undefined, ago(16))).toBe('none; one was due then and was not made');
    expect(said(ago(60), ago(16))).toBe('then, never restored; one was due then and was not made');
  });

  it('gives the work that is due its time', () => {
    expect(said(ago(60), ago(14))).toBe('then, never restored');
    expect(said(ago(60), ago(-60))).toBe('then, never restored');
  });
});
