import { AUTH_METHODS, FACTOR_USES, FACTORS, TOKENS } from '../../store/protected-tables.ts';
import { removeRow } from '../../store/rows.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { Work } from '../work.ts';

const factorsOf = statement((db, p: Parameters<{ principalId: string }>) =>
  db.selectFrom('factors').selectAll().where('principal_id', '=', p('principalId')),
);

const usesOf = statement((db, p: Parameters<{ factorId: string }>) =>
  db.selectFrom('factor_uses').selectAll().where('factor_id', '=', p('factorId')),
);

const methodsOf = statement((db, p: Parameters<{ principalId: string }>) =>
  db.selectFrom('auth_methods').selectAll().where('principal_id', '=', p('principalId')),
);

const tokensOf = statement((db, p: Parameters<{ principalId: string }>) =>
  db.selectFrom('tokens').selectAll().where('principal_id', '=', p('principalId')),
);

/** Takes away all that a principal could say who it is with: factors, ways to sign in, credentials. */
export async function removeCredentials(work: Work, principalId: string): Promise<void> {
  const { transaction, mac } = work;
  for (const factor of await transaction.all(factorsOf, { principalId })) {
    mac.check(FACTORS, factor);
    for (const uses of await transaction.all(usesOf, { factorId: factor.id })) {
      mac.check(FACTOR_USES, uses);
      await removeRow(transaction, mac, FACTOR_USES, uses);
    }
    await removeRow(transaction, mac, FACTORS, factor);
  }
  for (const method of await transaction.all(methodsOf, { principalId })) {
    mac.check(AUTH_METHODS, method);
    await removeRow(transaction, mac, AUTH_METHODS, method);
  }
  for (const token of await transaction.all(tokensOf, { principalId })) {
    mac.check(TOKENS, token);
    await removeRow(transaction, mac, TOKENS, token);
  }
}
