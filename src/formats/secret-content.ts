/** What one field of a secret holds: text, or bytes that are no text. */
export type FieldContent = string | Uint8Array;

/** What a secret holds: text, bytes, or several named fields. */
export type SecretContent = FieldContent | ReadonlyMap<string, FieldContent>;
