/** What people put together when 15 characters are asked for, lower-case, without anything but letters and digits. */
const COMMON: readonly string[] = [
  'password',
  'passwort',
  'motdepasse',
  'contrasena',
  'passphrase',
  'passw0rd',
  'p4ssw0rd',
  'strongroom',
  'secret',
  'letmein',
  'welcome',
  'admin',
  'administrator',
  'changeme',
  'default',
  'iloveyou',
  'monkey',
  'dragon',
  'football',
  'baseball',
  'princess',
  'sunshine',
  'superman',
  'starwars',
  'whatever',
  'trustno1',
  'qwerty',
  'qwertyuiop',
  'qwertzuiop',
  'azerty',
  'azertyuiop',
  'asdfghjkl',
  'zxcvbnm',
  'yxcvbnm',
  '1q2w3e4r5t6y7u8i9o0p',
  '1qaz2wsx3edc4rfv5tgb',
  'correcthorsebatterystaple',
  'abcdefghijklmnopqrstuvwxyz',
  'abc',
  '0123456789',
  '01234567890123456789',
  '12345678901234567890',
  '123',
  '1234',
  '123456',
  '9876543210',
  '98765432109876543210',
];

const NOT_COUNTED = /[^\p{L}\p{N}]/gu;
const MAX_OWN = 4;

/**
 * Whether a password is one of those that are tried first: nothing but very
 * common words, rows of keys, years, repetitions, or the name of who chose it.
 */
export function isCommonPassword(password: string, name: string): boolean {
  let rest = plain(password);
  const named = plain(name).length >= 3 ? [plain(name)] : [];
  const words = [...named, ...COMMON].toSorted((a, b) => b.length - a.length);
  for (const word of words) rest = rest.replaceAll(word, ' ');
  rest = rest.replaceAll(/(?:19|20)\d\d/g, ' ').replaceAll(' ', '');
  if (rest.length <= MAX_OWN || isOfOneRow(plain(password))) return true;
  return isRepeated(plain(password));
}

function plain(text: string): string {
  return text.normalize('NFKC').toLowerCase().replaceAll(NOT_COUNTED, '');
}

/** A short text over and over. */
function isRepeated(text: string): boolean {
  for (let length = 1; length <= Math.min(8, text.length / 2); length += 1) {
    const whole = text.slice(0, length).repeat(Math.ceil(text.length / length));
    if (whole.startsWith(text)) return true;
  }
  return false;
}

/** Characters that follow one another, up or down, as in the alphabet; 0 comes after 9. */
function isOfOneRow(text: string): boolean {
  const codes = Array.from(text, (character) => character.codePointAt(0) ?? 0);
  const steps = codes.slice(1).map((code, index) => code - (codes[index] ?? 0));
  const up = steps.every((step) => step === 1 || step === -9);
  return steps.length > 0 && (up || steps.every((step) => step === -1 || step === 9));
}
