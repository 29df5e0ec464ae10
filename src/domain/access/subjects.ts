import { StrongroomError } from '../../errors.ts';

/** Whom rules can be about, as stored: of principals the kind does not matter. */
export type SubjectKind = 'principal' | 'group' | 'role';

/** Someone or something that rules are about. */
export interface Subject {
  readonly kind: SubjectKind;
  readonly id: string;
  /** Such as `user:ada`. */
  readonly text: string;
  /** Set if it belongs to one workspace and counts in no other. */
  readonly workspaceId: string | null;
}

/** What a hint may repeat: short enough to be a name and nothing else. */
const NAME = /^[a-z][a-z0-9._-]{0,31}$/;
const SUBJECT = /^(user|machine|system|group|role):(.+)$/s;

/** What a text such as `user:ada` says. */
export interface SubjectName {
  readonly kind: string;
  readonly name: string;
}

/** The kind and the name in a text such as `user:ada`; `undefined` if it is none. */
export function parseSubject(text: string): SubjectName | undefined {
  const [, kind, name] = SUBJECT.exec(text) ?? [];
  return kind === undefined || name === undefined ? undefined : { kind, name };
}

/** There is nobody and nothing of that name, or the text names no subject at all. */
export function subjectNotFound(text: string): StrongroomError {
  const kind = parseSubject(text)?.kind;
  if (kind === undefined) {
    return new StrongroomError(
      'invalid_input',
      'a subject is user:NAME, machine:NAME, group:NAME or role:NAME',
      NAME.test(text) ? { hint: `as in user:${text}` } : {},
    );
  }
  return new StrongroomError('subject_not_found', `there is no ${text}`, {
    details: { subject: text },
    hint: kind === 'system' ? 'nobody makes one' : `see \`strongroom ${kind} list\``,
  });
}
