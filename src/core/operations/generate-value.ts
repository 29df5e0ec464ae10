import { z } from 'zod';

import {
  generate,
  generateNow,
  generatorEntropy,
  wipeGenerated,
  type Generated,
} from '../../domain/generators/generate.ts';
import {
  isSlow,
  keepRules,
  parseGenerator,
  type Generator,
} from '../../domain/generators/generator.ts';
import { rulesFor } from '../../domain/secrets/complexity.ts';
import type { SecretType } from '../../formats/secret-type.ts';
import type { Call, Operation } from '../operation.ts';
import { IN_WORKSPACE } from '../rest-binding.ts';
import { complexityOf } from './complexity.ts';
import { generator } from './rotation-input.ts';
import * as schema from './schema.ts';

export interface GenerateValueInput {
  /** A generator such as `password:24` or `rsa:3072`, or a type of secrets, which has one of its own. */
  readonly generator: string;
  /** With `type`: the workspace whose rules the value keeps. */
  readonly workspace?: string | undefined;
  /** The type of the secret that it is for: keeps the rules that the workspace has for it. */
  readonly type?: SecretType | undefined;
}

/** A value that was generated and is nowhere kept. */
export type GeneratedValue = Generated & {
  /** The generator in the form in which a secret keeps it. */
  readonly generator: string;
  /** Bits of entropy of the value; of key pairs, the bits of security. */
  readonly entropyBits: number;
};

const made = { generator: z.string(), entropyBits: z.number() };

/** The schema of {@link GeneratedValue}. */
export const generatedValue: z.ZodType<GeneratedValue> = z.union([
  z.strictObject({ value: schema.secretOutput, ...made }),
  z.strictObject({ fields: z.record(z.string(), schema.secretOutput), ...made }),
]);

export const generateValue: Operation<
  GenerateValueInput,
  GeneratedValue,
  PreparedValue | undefined
> = {
  name: 'secrets.generate',
  summary: 'Generates a value, and keeps it nowhere.',
  errors: [],
  input: z
    .strictObject({
      generator,
      workspace: schema.workspace,
      type: schema.secretType.optional(),
    })
    .meta({ wire: schema.SECRET_NAMES }),
  output: generatedValue,
  rest: [{ method: 'POST', path: `${IN_WORKSPACE}/secrets/generate` }],
  secretMembers: ['value', 'fields'],
  mutates: false,
  // Key pairs take a while to make: not for those who have no business here.
  requires: (input) => [
    { capability: 'list', resource: [schema.workspaceOf(input)], reach: 'under' },
  ],
  subject: (input) => ({ detail: input.generator }),
  prepare: async ({ generator: text }) => {
    const asked = parseGenerator(text);
    return isSlow(asked) ? new PreparedValue(text, await generate(asked)) : undefined;
  },
  apply: async (input, call, prepared) => {
    const used = await withRules(parseGenerator(input.generator), input, call);
    const generated = prepared?.take() ?? generateNow(used);
    return { ...generated, generator: used.text, entropyBits: bitsOf(used) };
  },
};

/** The generator, so that it keeps the rules that the workspace has for the type. */
async function withRules(
  asked: Generator,
  input: GenerateValueInput,
  call: Call,
): Promise<Generator> {
  if (input.type === undefined) return asked;
  const workspace = call.directory.workspace(schema.workspaceOf(input));
  const rules = rulesFor(complexityOf(call, workspace.id), input.type);
  return rules === undefined ? asked : keepRules(asked, rules);
}

/** A generated value on its way from `prepare` to `apply`; wiped after the call unless it was taken. */
export class PreparedValue implements Disposable {
  /** The generator that made it. */
  readonly generator: string;
  readonly #generated: Generated;
  #isTaken = false;

  constructor(generator: string, generated: Generated) {
    this.generator = generator;
    this.#generated = generated;
  }

  /** The value, which stays this object's. */
  get generated(): Generated {
    return this.#generated;
  }

  /** The value, which is the taker's from here on. */
  take(): Generated {
    this.#isTaken = true;
    return this.#generated;
  }

  [Symbol.dispose](): void {
    if (!this.#isTaken) wipeGenerated(this.#generated);
  }
}

/** The bits of what a generator makes, to a tenth. */
export function bitsOf(of: Generator): number {
  return Math.round(generatorEntropy(of) * 10) / 10;
}
