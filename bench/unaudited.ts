// Gates of which no figure can be had: there is no way to read that is not on record.
import { report } from './harness.ts';

const note = 'there is no way to read past the audit log';
report({
  question: 'embedded read, not audited',
  measured: undefined,
  unit: 'µs',
  limit: 15,
  note,
});
report({
  question: 'audit on against audit off (CPU)',
  measured: undefined,
  unit: '×',
  limit: 1.45,
  note,
});
