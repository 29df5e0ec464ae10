import { describe, expect, it } from 'vitest';

import type { EntryFields } from '../domain/audit/entry.ts';
import { securityEvent } from './security-events.ts';

const NOW = Date.parse('2026-03-01T12:00:00Z');
const entry = (fields: Partial<EntryFields>): EntryFields => ({
  request: '01890000-0000-7000-8000-000000000000',
  action: 'auth.signIn',
  outcome: 'denied',
  ...fields,
});
const eventOf = (fields: Partial<EntryFields>): string | undefined =>
  securityEvent(entry(fields), NOW)?.event;

describe('a security event', () => {
  it('is of three kinds, and most entries are none', () => {
    expect(eventOf({ outcome: 'ok' })).toBeUndefined();
    expect(eventOf({ outcome: 'failed', reason: 'not_found' })).toBeUndefined();
    expect(eventOf({ action: 'auth.attempt', reason: 'locked' })).toBeUndefined();
    expect(eventOf({ reason: 'unauthenticated', detail: 'password wrong' })).toBe('denied');
    expect(eventOf({ reason: 'denied' })).toBe('denied');
    expect(eventOf({ reason: 'locked', detail: 'password' })).toBe('locked');
    expect(eventOf({ reason: 'rate_limited' })).toBe('locked');
    expect(eventOf({ outcome: 'failed', reason: 'integrity_error' })).toBe('integrity_error');
    expect(eventOf({ outcome: 'failed', reason: 'rollback_detected' })).toBe('integrity_error');
  });
});
