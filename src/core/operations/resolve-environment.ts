import { z } from 'zod';

import { requireActive } from '../../domain/secrets/find.ts';
import { wipeOutput } from '../../domain/secrets/value.ts';
import type { Environment } from '../../domain/workspaces/directory.ts';
import { StrongroomError } from '../../errors.ts';
import { choosePaths } from '../effective/choose-paths.ts';
import { EffectivePlaces, type Located, type Place } from '../effective/effective-places.ts';
import { ReferenceExpander } from '../effective/expand-references.ts';
import { denied } from '../denials.ts';
import type { Call, Operation, Requirement } from '../operation.ts';
import { IN_WORKSPACE } from '../rest-binding.ts';
import { mayAt } from '../rights-at.ts';
import {
  effectiveSecret,
  resolved,
  secretResolved,
  summaryOf,
  type EffectiveSecret,
  type SecretResolved,
} from './resolve-secret.ts';
import * as schema from './schema.ts';
import { environmentOf } from './secret-address.ts';

export interface EnvironmentNamesInput {
  readonly workspace?: string | undefined;
  readonly environment: string;
}

export interface ResolveEnvironmentInput extends EnvironmentNamesInput {
  /** Paths, or last segments of paths. Default: all. */
  readonly only?: readonly string[] | undefined;
  /** Paths, or last segments of paths, that are left out and not read. Default: none. */
  readonly except?: readonly string[] | undefined;
}

/** What has no value that may be given out, and why. */
export interface LeftOut {
  readonly path: string;
  /** `deleted`: the value of its current version was deleted or destroyed. */
  readonly reason: 'inactive' | 'deleted';
}

/** Values in effect, by path. */
export interface EnvironmentResolved {
  readonly secrets: readonly SecretResolved[];
  /** By path. Only names that the caller may list and read; none if `only` is given. */
  readonly leftOut: readonly LeftOut[];
}

/** Names in effect, by path. */
export interface EnvironmentNames {
  readonly secrets: readonly EffectiveSecret[];
}

/** The schema of {@link EnvironmentResolved}. */
export const environmentResolved: z.ZodType<EnvironmentResolved> =
  schema.answer<EnvironmentResolved>({
    secrets: z.array(secretResolved),
    leftOut: z.array(
      schema
        .answer<LeftOut>({ path: z.string(), reason: z.enum(['inactive', 'deleted']) })
        .meta({ wire: schema.SECRET_NAMES }),
    ),
  });

const CHOSEN_MAX = 10_000;

const names = z.array(z.string().max(255)).max(CHOSEN_MAX);

const common = {
  mutates: false,
  requires: (input: EnvironmentNamesInput): readonly Requirement[] => [
    {
      capability: 'list',
      resource: [schema.workspaceOf(input), input.environment],
      reach: 'under',
    },
  ],
  subject: (input: EnvironmentNamesInput) => ({
    workspace: schema.workspaceOf(input),
    environment: input.environment,
  }),
} as const;

/**
 * Errors: `environment_not_found`; `secret_inactive` and `secret_deleted` for a name in `only`; `secret_not_found` for a name in `only` or `except`; `denied`
 * for a name that the caller may list and not read; those of references.
 */
export const resolveEnvironment: Operation<ResolveEnvironmentInput, EnvironmentResolved> = {
  ...common,
  name: 'environments.resolve',
  summary:
    'Gives every value in effect in an environment at once. Those without a value that may be given out are left out unless they are named, and those that the caller may not list.',
  errors: [
    'reference_limit',
    'environment_not_found',
    'secret_not_found',
    'secret_deleted',
    'secret_inactive',
  ],
  input: z.strictObject({
    workspace: schema.workspace,
    environment: schema.environment,
    only: names.optional(),
    except: names.optional(),
  }),
  output: environmentResolved,
  rest: [{ method: 'GET', path: `${IN_WORKSPACE}/environments/{environment}/values` }],
  secretMembers: ['secrets'],
  apply: async (input, call) => {
    const environment = environmentOf(call, input);
    using places = new EffectivePlaces(call);
    using expander = new ReferenceExpander(call, places);
    const listed = await listedPaths(call, places, environment);
    const chosen = choosePaths(listed, input, environment.name);
    const by = { places, expander, isNamed: input.only !== undefined };
    const secrets: SecretResolved[] = [];
    const leftOut: LeftOut[] = [];
    try {
      for (const path of chosen) {
        const secret = await resolveOne(call, by, { environment, path });
        if (secret === undefined) continue;
        if ('reason' in secret) leftOut.push(secret);
        else secrets.push(secret);
      }
    } catch (error) {
      secrets.forEach(wipeOutput);
      throw error;
    }
    return { secrets, leftOut };
  },
};

export const environmentNames: Operation<EnvironmentNamesInput, EnvironmentNames> = {
  ...common,
  name: 'environments.names',
  summary:
    'Lists the names in effect in an environment and where they come from, without their values.',
  errors: ['environment_not_found'],
  input: z.strictObject({ workspace: schema.workspace, environment: schema.environment }),
  output: schema.answer<EnvironmentNames>({ secrets: z.array(effectiveSecret) }),
  rest: [{ method: 'GET', path: `${IN_WORKSPACE}/environments/{environment}/names` }],
  secretMembers: [],
  apply: async (input, call) => {
    const environment = environmentOf(call, input);
    using places = new EffectivePlaces(call, 'list');
    const secrets: EffectiveSecret[] = [];
    for (const path of await listedPaths(call, places, environment)) {
      const located = await locateListed(call, places, { environment, path });
      if (located !== undefined) secrets.push(summaryOf(call, { environment, path }, located));
    }
    return { secrets };
  },
};

async function listedPaths(
  call: Call,
  places: EffectivePlaces,
  environment: Environment,
): Promise<readonly string[]> {
  const paths = await places.paths(environment);
  return paths.filter((path) => mayAt(call, 'list', environment, path));
}

/** `isNamed`: asked for by name, so that what is inactive or has no value is an error. */
async function resolveOne(
  call: Call,
  by: {
    readonly places: EffectivePlaces;
    readonly expander: ReferenceExpander;
    readonly isNamed: boolean;
  },
  asked: Place,
): Promise<SecretResolved | LeftOut | undefined> {
  const { places, expander, isNamed } = by;
  const { environment, path } = asked;
  if (!mayAt(call, 'read', environment, path)) {
    call.about({ path });
    const resource = [environment.workspace.name, environment.name, ...path.split('/')];
    throw denied({ capability: 'read', resource }, call.request);
  }
  const located = await locateListed(call, places, asked);
  if (located === undefined) return undefined;
  if (located.kind !== 'personal') {
    if (isNamed) requireActive(located.row, located.place.environment);
    else if (located.row.inactive_at !== null) return { path, reason: 'inactive' };
    else if (located.row.current_commit === null) return { path, reason: 'deleted' };
  }
  try {
    return resolved(call, asked, located, await expander.expand(await places.open(located), asked));
  } catch (error) {
    call.about({ path });
    throw error;
  }
}

/** What comes from where the caller may not list anything is left out, like all that it may not list. */
async function locateListed(
  call: Call,
  places: EffectivePlaces,
  asked: Place,
): Promise<Located | undefined> {
  try {
    return await places.locate(asked);
  } catch (error) {
    const isDenied = error instanceof StrongroomError && error.code === 'denied';
    if (!isDenied || error.details['resource'] !== undefined) throw error;
    call.about({ detail: undefined });
    return undefined;
  }
}
