/** What an address says of where the thing is that a call is about. */
export interface Address {
  /** A workspace, by name or id. */
  readonly workspace?: string | undefined;
  /** A secret of that workspace, by id. */
  readonly secretId?: string | undefined;
}

/** Where that is, by the names that operations take. */
export interface Place {
  readonly workspace?: string;
  readonly environment?: string;
  readonly path?: string;
}

/**
 * An input that is still to be received. That happens once it is known who
 * sends it, so that a stranger's document is never parsed; and ids in its
 * address become names only in the transaction that the call runs in.
 */
export class DeferredInput {
  readonly at: Address;
  readonly #receive: () => Promise<(place: Place) => unknown>;

  /**
   * @param at - The ids of its address.
   * @param receive - Receives the document, and gives what makes the input once the place is
   * known. What either throws is how the call fails.
   */
  constructor(at: Address, receive: () => Promise<(place: Place) => unknown>) {
    this.at = at;
    this.#receive = receive;
  }

  /** Receives it. */
  receive(): Promise<(place: Place) => unknown> {
    return this.#receive();
  }
}
