import type {
  CreateSecretInput,
  SecretChanged,
  WriteSecretInput,
} from '../core/operations/write-secret.ts';
import type { ValueInput } from '../domain/secrets/value.ts';
import type { Terminal } from './terminal.ts';
import { withSession, type GlobalOptions } from './vault-access.ts';

/** A secret to be set to a value that is generated. */
export interface GeneratedSet {
  /** All but the value. */
  readonly input: Omit<WriteSecretInput, 'value'> & Pick<CreateSecretInput, 'type'>;
  /** `true`: the one of the secret's type. */
  readonly generator: string | true;
  /** The field to set, if it has fields. */
  readonly field: string | undefined;
}

/** Generates a value, and sets a secret to it without showing it. The secret keeps the generator. */
export async function setGenerated(
  { input, generator, field }: GeneratedSet,
  options: GlobalOptions,
  terminal: Terminal,
): Promise<void> {
  const type = input.type ?? input.typeIfNew ?? 'generic';
  const chosen = generator === true ? type : generator;
  const text = field === undefined ? chosen : `${chosen}@${field}`;
  const { written, bits } = await withSession(options, terminal, async (session) => {
    const { workspace } = input;
    const made = await session.secrets.generate({ generator: text, workspace, type });
    const values = made.fields === undefined ? [made.value] : Object.values(made.fields);
    const value: ValueInput =
      made.fields ?? (field === undefined ? made.value : { [field]: made.value });
    try {
      const kept = input.generator ?? made.generator;
      const written = await session.secrets.write({ ...input, value, generator: kept });
      return { written, bits: made.entropyBits };
    } finally {
      for (const each of values) each.wipe();
    }
  });
  terminal.result(written, '');
  tell(written, bits, terminal);
}

function tell(written: SecretChanged, bits: number, terminal: Terminal): void {
  for (const warning of written.warnings) terminal.warn(warning);
  if (terminal.isJson) return;
  const verb = written.created ? 'made' : 'changed';
  const { path, environment, version, generator } = written;
  terminal.note(
    `${verb} ${path} in ${environment}, version ${version}: ${generator ?? 'generated'}, ${bits} bits`,
  );
}
