import { StrongroomError } from '../errors.ts';

/** What comes of making a passkey, as the library takes it. */
interface GivenRegistration {
  readonly id: string;
  readonly rawId: string;
  readonly type: 'public-key';
  readonly response: { readonly clientDataJSON: string; readonly attestationObject: string };
  readonly clientExtensionResults: object;
}

/** What comes of using one, as the library takes it. */
interface GivenAssertion {
  readonly id: string;
  readonly rawId: string;
  readonly type: 'public-key';
  readonly response: {
    readonly clientDataJSON: string;
    readonly authenticatorData: string;
    readonly signature: string;
  };
  readonly clientExtensionResults: object;
}

/** What both checks are given besides. */
interface Expected {
  readonly expectedChallenge: string;
  readonly expectedOrigin: string;
  readonly expectedRPID: string;
  readonly expectedType: 'webauthn.create' | 'webauthn.get';
  readonly requireUserVerification: boolean;
}

/** What both find out. */
interface Found {
  readonly userVerified: boolean;
  readonly credentialDeviceType: 'singleDevice' | 'multiDevice';
  readonly credentialBackedUp: boolean;
}

/**
 * What is used of `@simplewebauthn/server`, version 14. Its own declarations need
 * those of browsers, which programs of Node's do not have.
 */
export interface PasskeyLibrary {
  verifyRegistrationResponse(
    options: Expected & {
      readonly response: GivenRegistration;
      readonly supportedAlgorithmIDs: readonly number[];
    },
  ): Promise<{
    readonly verified: boolean;
    readonly registrationInfo?: Found & {
      readonly credential: {
        readonly id: string;
        readonly publicKey: Uint8Array;
        readonly counter: number;
      };
    };
  }>;
  verifyAuthenticationResponse(
    options: Expected & {
      readonly response: GivenAssertion;
      readonly credential: {
        readonly id: string;
        readonly publicKey: Uint8Array;
        readonly counter: number;
      };
    },
  ): Promise<{
    readonly verified: boolean;
    readonly authenticationInfo: Found & { readonly newCounter: number };
  }>;
  /** `fmt`, `attStmt` and `authData`. */
  decodeAttestationObject(bytes: Uint8Array): ReadonlyMap<string, unknown>;
  decodeCredentialPublicKey(bytes: Uint8Array): ReadonlyMap<number, unknown>;
}

/** How a module of the package is had. */
export interface PasskeyLibraryOptions {
  /** Default: by `import()`. */
  readonly load?: ((name: string) => Promise<unknown>) | undefined;
}

const PACKAGE = '@simplewebauthn/server';

/**
 * Loads the package that checks what authenticators say.
 *
 * @throws {@link StrongroomError} `package_missing` if it is not installed.
 */
export async function loadPasskeyLibrary({
  load = (name) => import(name),
}: PasskeyLibraryOptions = {}): Promise<PasskeyLibrary> {
  try {
    const [server, helpers] = await Promise.all([load(PACKAGE), load(`${PACKAGE}/helpers`)]);
    return { ...(helpers as PasskeyLibrary), ...(server as PasskeyLibrary) };
  } catch (error) {
    if ((error as { readonly code?: unknown }).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new StrongroomError('package_missing', `passkeys need the package ${PACKAGE}`, {
      details: { package: PACKAGE },
      hint: `where the vault is opened: \`npm install ${PACKAGE}@14\``,
    });
  }
}
