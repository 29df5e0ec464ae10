import { SecretValue } from '../secret-value.ts';
import type { ConnectOptions, SignedIn } from './client-options.ts';

/** A credential is renewed when this part of its life is over. */
const RENEW_AT = 0.8;

/** What a client proves who it is with, renewed in time. */
export class Credentials {
  readonly #options: Pick<ConnectOptions, 'token' | 'signIn' | 'now'>;
  #current: Promise<SignedIn> | undefined;
  #text: string | undefined;
  #renewAt = Number.POSITIVE_INFINITY;

  constructor(options: Pick<ConnectOptions, 'token' | 'signIn' | 'now'>) {
    this.#options = options;
  }

  /** The text of the credential, or `undefined` without any. */
  async token(): Promise<string | undefined> {
    const { token, signIn, now = Date.now } = this.#options;
    if (signIn === undefined) return textOf(token);
    if (this.#current === undefined || now() >= this.#renewAt) {
      const asked = now();
      const begun = signIn();
      this.#current = begun;
      this.#renewAt = Number.POSITIVE_INFINITY;
      try {
        const signedIn = await begun;
        this.#text = textOf(signedIn.token);
        this.#renewAt = renewalOf(signedIn, asked);
      } catch (error) {
        this.#current = undefined;
        throw error;
      }
    }
    return textOf((await this.#current).token);
  }

  /**
   * Forgets a credential that was refused, unless another call already has a newer one.
   *
   * @returns Whether there is another way to one.
   */
  renew(refused: string | undefined): boolean {
    if (this.#options.signIn === undefined) return false;
    if (this.#text === refused) {
      this.#current = undefined;
      this.#text = undefined;
    }
    return true;
  }
}

function renewalOf({ expiresAt }: SignedIn, asked: number): number {
  if (expiresAt === null) return Number.POSITIVE_INFINITY;
  return asked + (Date.parse(expiresAt) - asked) * RENEW_AT;
}

function textOf(token: string | SecretValue | undefined): string | undefined {
  return token instanceof SecretValue ? token.reveal() : token;
}
