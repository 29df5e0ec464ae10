import { StrongroomError } from '../errors.ts';
import type { Store, Transaction } from '../store/store.ts';

/** The same object with one member replaced. */
function withMember<T extends object>(target: T, name: keyof T, replaced: unknown): T {
  return new Proxy(target, {
    get: (of, asked) => {
      if (asked === name) return replaced;
      const member = Reflect.get(of, asked) as unknown;
      return typeof member === 'function' ? (member.bind(of) as unknown) : member;
    },
  });
}

/** A store each of whose writes fails when `fails` says so. */
export function failingStore(store: Store, fails: () => boolean): Store {
  const guard = (transaction: Transaction): Transaction =>
    withMember(transaction, 'run', (...given: Parameters<Transaction['run']>) => {
      if (fails()) throw new StrongroomError('storage_full', 'no space is left');
      return transaction.run(...given);
    });
  return withMember(store, 'write', (work: (transaction: Transaction) => Promise<unknown>) =>
    store.write((transaction) => work(guard(transaction))),
  );
}
