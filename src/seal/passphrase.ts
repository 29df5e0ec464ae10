import { StrongroomError } from '../errors.ts';
import { utf8 } from '../lib/bytes.ts';
import { countCharacters, opaqueString } from '../lib/opaque-string.ts';
import type { SecretValue } from '../secret-value.ts';

const CHARACTERS_MIN = 15;
const CHARACTERS_MAX = 1024;
// A typed passphrase has none; one that was piped in with its newline could never be typed.
const CONTROL = /\p{Cc}/u;

/**
 * The bytes of a passphrase for a new slot: UTF-8 after the OpaqueString
 * profile (RFC 8265 §4.2). Characters are counted in that form, as code points.
 *
 * @returns Bytes that the caller wipes.
 * @throws {@link StrongroomError} `passphrase_too_short` below 15 characters.
 * @throws {@link StrongroomError} `invalid_input` above 1,024 characters, or with control characters.
 * @throws {@link StrongroomError} `not_text` if the value is bytes.
 */
export function newPassphraseBytes(passphrase: SecretValue): Uint8Array {
  const text = opaqueString(passphrase.reveal());
  const characters = countCharacters(text);
  if (characters < CHARACTERS_MIN) {
    throw new StrongroomError(
      'passphrase_too_short',
      `a passphrase needs at least ${CHARACTERS_MIN} characters`,
      { details: { min: CHARACTERS_MIN }, hint: 'five or six random words are easy to remember' },
    );
  }
  if (characters > CHARACTERS_MAX) {
    throw new StrongroomError(
      'invalid_input',
      `a passphrase has at most ${CHARACTERS_MAX} characters`,
      { details: { max: CHARACTERS_MAX } },
    );
  }
  if (CONTROL.test(text)) {
    throw new StrongroomError(
      'invalid_input',
      'a passphrase has no line breaks or other control characters',
    );
  }
  return utf8(text);
}

/**
 * The bytes of a passphrase that is to open a slot.
 *
 * @returns Bytes that the caller wipes, or `undefined` if it is longer than any passphrase.
 * @throws {@link StrongroomError} `not_text` if the value is bytes.
 */
export function givenPassphraseBytes(passphrase: SecretValue): Uint8Array | undefined {
  const text = opaqueString(passphrase.reveal());
  return countCharacters(text) > CHARACTERS_MAX ? undefined : utf8(text);
}
