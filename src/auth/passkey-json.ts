/**
 * What a browser gives from `navigator.credentials.create()`, by `toJSON()`: the
 * members that are looked at of `RegistrationResponseJSON` (WebAuthn Level 3,
 * §5.1). Bytes are base64url without padding.
 */
export interface RegistrationJson {
  readonly id: string;
  readonly rawId: string;
  readonly type: 'public-key';
  readonly response: {
    readonly clientDataJSON: string;
    readonly attestationObject: string;
    readonly transports?: readonly string[] | undefined;
  };
}

/** The same from `navigator.credentials.get()`: of `AuthenticationResponseJSON`. */
export interface AssertionJson {
  readonly id: string;
  readonly rawId: string;
  readonly type: 'public-key';
  readonly response: {
    readonly clientDataJSON: string;
    readonly authenticatorData: string;
    readonly signature: string;
    /** Who it belongs to, as it was registered: the 16 bytes of the principal's id. */
    readonly userHandle?: string | null | undefined;
  };
}

/** A passkey that a browser may, or may not, use: `PublicKeyCredentialDescriptorJSON` (§5.8.3). */
export interface PasskeyDescriptor {
  readonly id: string;
  readonly type: 'public-key';
  readonly transports: readonly string[];
}

/** Whether an authenticator makes sure who is there (§5.8.6). */
export type UserVerification = 'required' | 'preferred';

/** What `PublicKeyCredential.parseCreationOptionsFromJSON()` takes (§5.1.9). */
export interface CreationOptionsJson {
  readonly rp: { readonly id: string; readonly name: string };
  readonly user: { readonly id: string; readonly name: string; readonly displayName: string };
  readonly challenge: string;
  readonly pubKeyCredParams: readonly { readonly type: 'public-key'; readonly alg: number }[];
  /** Milliseconds. */
  readonly timeout: number;
  readonly excludeCredentials: readonly PasskeyDescriptor[];
  readonly authenticatorSelection: {
    readonly residentKey: 'preferred';
    readonly requireResidentKey: false;
    readonly userVerification: UserVerification;
  };
  readonly attestation: 'none';
}

/** What `PublicKeyCredential.parseRequestOptionsFromJSON()` takes (§5.1.10). */
export interface RequestOptionsJson {
  readonly challenge: string;
  /** Milliseconds. */
  readonly timeout: number;
  readonly rpId: string;
  /** Empty: any that the authenticator has for this site. */
  readonly allowCredentials: readonly PasskeyDescriptor[];
  readonly userVerification: UserVerification;
}
