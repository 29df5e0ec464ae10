import { Transform } from 'node:stream';
import { concat, utf8 } from './lib/bytes.ts';
import type { PatternScan } from './lib/pattern-scan.ts';
import { Mask } from './mask.ts';
import { SECRET_PLACEHOLDER, type SecretValue } from './secret-value.ts';

const PLACEHOLDER = utf8(SECRET_PLACEHOLDER);

/**
 * Makes a stream that replaces values by `[secret]` in the bytes that pass
 * through, in all the forms that {@link Mask} finds, also where a value arrives
 * in pieces. Everything else passes byte for byte, text or not.
 *
 * Only the last bytes that may be the beginning of a value are held back, so a
 * prompt without a line end appears at once. They follow when they turn out not
 * to be one, or when the input ends: a value that is cut off there shows its
 * beginning.
 *
 * @param values - What to hide, or a {@link Mask} to share between streams.
 * @throws {@link StrongroomError} `secret_wiped` if a value was wiped.
 *
 * @example
 * const mask = new Mask(values);
 * child.stdout.pipe(createMaskStream(mask)).pipe(process.stdout);
 * child.stderr.pipe(createMaskStream(mask)).pipe(process.stderr);
 */
export function createMaskStream(values: readonly (SecretValue | string)[] | Mask): Transform {
  const masking = new Masking(values instanceof Mask ? values.scan() : new Mask(values).scan());
  return new Transform({
    transform(chunk: Uint8Array, _encoding, done): void {
      const released = masking.feed(chunk);
      done(null, released.length > 0 ? released : undefined);
    },
    flush(done): void {
      const released = masking.end();
      done(null, released.length > 0 ? released : undefined);
    },
  });
}

class Masking {
  readonly #scan: PatternScan;
  /** The pieces from `#first` on are not yet released. They begin at `#start` of the input. */
  readonly #held: Uint8Array[] = [];
  #first = 0;
  #start = 0;
  #end = 0;
  /** Where the span begins whose placeholder was released last; the span itself may still grow. */
  #replacedAt = -1;

  constructor(scan: PatternScan) {
    this.#scan = scan;
  }

  feed(piece: Uint8Array): Uint8Array {
    this.#scan.feed(piece);
    this.#held.push(piece);
    this.#end += piece.length;
    return this.#release(this.#scan.settled);
  }

  end(): Uint8Array {
    return this.#release(this.#end);
  }

  /** Lets go of the input up to `until`: in clear outside of spans, as one placeholder for each span. */
  #release(until: number): Uint8Array {
    const released: Uint8Array[] = [];
    let passed = 0;
    for (const span of this.#scan.spans) {
      if (span.start >= until) break;
      this.#take(span.start, released);
      if (span.start !== this.#replacedAt) released.push(PLACEHOLDER);
      this.#replacedAt = span.start;
      this.#take(span.end, []);
      if (span.end > until) break;
      passed += 1;
    }
    this.#scan.forget(passed);
    this.#take(until, released);
    return concat(released);
  }

  /** Moves what is held up to `until` to the end of `taken`. */
  #take(until: number, taken: Uint8Array[]): void {
    while (this.#start < until) {
      const piece = this.#held[this.#first];
      if (piece === undefined) return;
      const wanted = piece.subarray(0, until - this.#start);
      taken.push(wanted);
      this.#start += wanted.length;
      if (wanted.length === piece.length) this.#first += 1;
      else this.#held[this.#first] = piece.subarray(wanted.length);
    }
    // Not at every call: with a long value and many small pieces that would be quadratic.
    if (this.#first * 2 <= this.#held.length) return;
    this.#held.splice(0, this.#first);
    this.#first = 0;
  }
}
