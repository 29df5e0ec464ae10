import { z } from 'zod';

import type {
  AssertionJson,
  CreationOptionsJson,
  RegistrationJson,
  RequestOptionsJson,
} from '../../auth/passkey-json.ts';

/** Bytes as WebAuthn has them in JSON: base64url without padding. */
function base64url(max: number): z.ZodType<string> {
  return z
    .string()
    .min(1)
    .max(max)
    .regex(/^[A-Za-z0-9_-]+$/, 'takes base64url without padding');
}

/** What the standard spells is spelt as there, in camelCase, and so are members that are passed over. */
const asItIs = { wire: { shape: 'any' } } as const;

/** 1023 bytes (WebAuthn Level 3, §4: credential id). */
const credentialId = base64url(1364);
const type = z.literal('public-key');
const clientDataJSON = base64url(8192);

const attestationResponse = z.looseObject({
  clientDataJSON,
  attestationObject: base64url(16_384),
  transports: z
    .array(z.string().regex(/^[a-z-]{1,32}$/, 'takes a word of WebAuthn, such as usb'))
    .max(8)
    .optional(),
});

/** The schema of {@link RegistrationJson}. */
export const registrationJson: z.ZodType<RegistrationJson> = z
  .looseObject({
    id: credentialId,
    rawId: credentialId,
    type,
    response: attestationResponse.meta(asItIs),
  })
  .meta(asItIs);

const assertionResponse = z.looseObject({
  clientDataJSON,
  authenticatorData: base64url(4096),
  signature: base64url(2048),
  userHandle: base64url(128).nullish(),
});

/** The schema of {@link AssertionJson}. */
export const assertionJson: z.ZodType<AssertionJson> = z
  .looseObject({
    id: credentialId,
    rawId: credentialId,
    type,
    response: assertionResponse.meta(asItIs),
  })
  .meta(asItIs);

const descriptors = z.array(
  z.strictObject({ id: z.string(), type, transports: z.array(z.string()) }),
);
const userVerification = z.enum(['required', 'preferred']);
const user = z.strictObject({ id: z.string(), name: z.string(), displayName: z.string() });
const authenticatorSelection = z.strictObject({
  residentKey: z.literal('preferred'),
  requireResidentKey: z.literal(false),
  userVerification,
});

/** The schema of {@link CreationOptionsJson}. */
export const creationOptionsJson: z.ZodType<CreationOptionsJson> = z
  .strictObject({
    rp: z.strictObject({ id: z.string(), name: z.string() }),
    user: user.meta(asItIs),
    challenge: z.string(),
    pubKeyCredParams: z.array(z.strictObject({ type, alg: z.int() })),
    timeout: z.int(),
    excludeCredentials: descriptors,
    authenticatorSelection: authenticatorSelection.meta(asItIs),
    attestation: z.literal('none'),
  })
  .meta(asItIs);

/** The schema of {@link RequestOptionsJson}. */
export const requestOptionsJson: z.ZodType<RequestOptionsJson> = z
  .strictObject({
    challenge: z.string(),
    timeout: z.int(),
    rpId: z.string(),
    allowCredentials: descriptors,
    userVerification,
  })
  .meta(asItIs);
