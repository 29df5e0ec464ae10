import type { EntryFields, EntrySubject } from '../domain/audit/entry.ts';

/** What whoever follows changes needs to know besides what is written down. */
export interface ChangeNote {
  /**
   * What became of the secret at the place of the entry. `left`: it is not there any more.
   * `unseen`: nothing that a reader would see. Default: it was changed.
   */
  readonly became?: 'left' | 'unseen' | undefined;
  /** Where the secret was before, if the entry does not name that place. */
  readonly formerly?: { readonly environmentId: string; readonly path: string } | undefined;
}

/** What an operation was about: for the record, and for whoever follows changes. */
export type NotedSubject = EntrySubject & ChangeNote;

/** An entry, and what it means for whoever follows changes. */
export type NotedEntry = EntryFields & ChangeNote;
