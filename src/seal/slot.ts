import type { SecretValue } from '../secret-value.ts';

/** The ways in which a slot can protect the root key (docs/spec/keyring.md, Slots). */
export type SlotKind = 'keyfile' | 'passphrase' | 'env' | 'shamir' | 'recovery';

/** How a passphrase becomes a key: argon2id (RFC 9106), or PBKDF2-HMAC-SHA-256 (RFC 8018). */
export type SlotKdf = 'argon2id' | 'pbkdf2';

/** The root key in clear. Whoever made the bytes wipes them. */
export interface RootKey {
  /** A UUID. */
  readonly id: string;
  /** 32 bytes. */
  readonly bytes: Uint8Array;
}

/** What a slot is to be made of. */
export type NewSlot =
  | {
      readonly kind: 'keyfile';
      /** Where the key file is written. Nothing may be there. */
      readonly path: string;
    }
  | {
      readonly kind: 'passphrase';
      /** 15 to 1,024 characters. */
      readonly passphrase: SecretValue;
      /** `argon2id` unless something else is said. */
      readonly kdf?: SlotKdf;
    }
  | {
      readonly kind: 'env';
      /** The value of `STRONGROOM_MASTER_KEY`: base64 of at least 32 bytes. */
      readonly key: SecretValue;
    }
  | {
      readonly kind: 'shamir';
      /** Shares needed, from 2. */
      readonly threshold: number;
      /** Shares made, up to 255. */
      readonly shares: number;
    }
  | { readonly kind: 'recovery' };

/** What somebody brings to open a slot. */
export type SlotKey =
  | { readonly kind: 'keyfile'; readonly path: string }
  | { readonly kind: 'passphrase'; readonly passphrase: SecretValue }
  | {
      readonly kind: 'env';
      /** The value of `STRONGROOM_MASTER_KEY`. */
      readonly key: SecretValue;
    }
  | {
      readonly kind: 'shamir';
      /** At least as many as the threshold, in any order, none twice. */
      readonly shares: readonly SecretValue[];
    }
  | {
      readonly kind: 'recovery';
      /** The `sr_recovery_` token. */
      readonly token: SecretValue;
    };
