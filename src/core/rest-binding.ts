/** A method of HTTP that an operation is reached by. */
export type RestMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/**
 * One way to an operation over REST. Members of the input that the path does
 * not name come from the query for `GET` and `DELETE`, from a JSON body for the others.
 */
export interface RestBinding {
  readonly method: RestMethod;
  /**
   * Such as `/api/secrets/workspaces/{workspace_id}/secrets/{secret_id}`. `{path+}` takes all
   * segments that follow; a verb may stand behind it, as in `{path+}:value`.
   */
  readonly path: string;
  /** Of success. Default 200. */
  readonly status?: 200 | 201 | 202 | 204;
  /** Input members that the route itself says. */
  readonly fixed?: Readonly<Record<string, unknown>>;
  /** The input member that `{workspace_id}` is. Default `workspace`. */
  readonly workspaceAs?: string;
  /**
   * Input members that are not taken over HTTP, such as paths of files on the server.
   * `slot.path` is a member of a member, and of each item where that is a list.
   */
  readonly omit?: readonly string[];
}

/** Where the workspaces are. */
export const WORKSPACES = '/api/secrets/workspaces';

/** Where the resources of a workspace lie. */
export const IN_WORKSPACE = '/api/secrets/workspaces/{workspace_id}';

/** Where the vault as a whole is looked after. */
export const ADMIN = '/api/secrets/admin';

/** Where changes are followed. */
export const EVENTS = '/api/events';

/** Where people and machines sign in, and look after what they sign in with. */
export const AUTH = '/api/auth';

/**
 * The two ways to an operation on one secret: by its id, and by its name.
 *
 * @param verb - What is done, if the method does not say it: `value`, `rotate` …
 */
export function onSecret(
  method: RestMethod,
  verb?: string,
  rest: Omit<RestBinding, 'method' | 'path'> = {},
): readonly RestBinding[] {
  const tail = verb === undefined ? ['', ''] : [`/${verb}`, `:${verb}`];
  return [
    { ...rest, method, path: `${IN_WORKSPACE}/secrets/{secret_id}${tail[0]}` },
    { ...rest, method, path: `${IN_WORKSPACE}/secrets/by-name/{environment}/{path+}${tail[1]}` },
  ];
}
