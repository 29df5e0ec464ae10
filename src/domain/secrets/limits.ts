/** How many bytes a value has at most, all its fields and their names together. */
export const VALUE_BYTES_MAX: number = 1024 * 1024;

/** How many fields a value has at most. */
export const FIELDS_MAX = 128;

/** How many secrets one import has at most. */
export const IMPORT_SECRETS_MAX = 10_000;

/** How many characters a description has at most. */
export const DESCRIPTION_MAX = 4096;

/** How many secrets a folder has at most that is renamed, moved, copied, compared or undone at once. */
export const FOLDER_SECRETS_MAX = 10_000;

/** How many members a secret's custom metadata has at most. */
export const METADATA_KEYS_MAX = 64;

/** How many bytes a secret's custom metadata has at most, as JSON. */
export const METADATA_BYTES_MAX: number = 16 * 1024;

/** How many tags a secret has at most. */
export const TAGS_MAX = 128;
