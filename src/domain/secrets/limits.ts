/** How many bytes a value has at most, all its fields and their names together. */
export const VALUE_BYTES_MAX: number = 1024 * 1024;

/** How many fields a value has at most. */
export const FIELDS_MAX = 128;

/** How many secrets one import has at most. */
export const IMPORT_SECRETS_MAX = 10_000;

/** How many characters a description has at most. */
export const DESCRIPTION_MAX = 4096;
