import type { WireShape } from '../lib/wire.ts';

/** How a client reaches an operation. */
export interface ClientRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With `{parameters}`; `{path+}` takes several segments. */
  readonly path: string;
  /** The member that `{workspace_id}` is, if not `workspace`. */
  readonly workspaceAs?: string;
  /** Members that the address itself says; a call with others goes to another one. */
  readonly fixed?: Readonly<Record<string, unknown>>;
  readonly input: WireShape;
  readonly output: WireShape;
  /** What each event of its stream is, if it answers with one. */
  readonly events?: WireShape;
  /** Whether it changes nothing, and may be sent again as it is. Every `GET` does. */
  readonly isSafe?: true;
  /** Whether it may be sent again under an idempotency key. */
  readonly isRepeatable?: true;
}
