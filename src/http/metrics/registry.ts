/** Names and values of a series' labels. */
export type Labels = Readonly<Record<string, string>>;

/** Something that can be written in the text format of Prometheus. */
interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** Its lines, without those that say what it is. */
  lines(): Iterable<string>;
}

/** The media type of the text format. */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** All metrics of a process, in the text format of Prometheus, version 0.0.4. */
export class Registry {
  readonly #metrics: Metric[] = [];

  /** A number that only grows. */
  counter(name: string, help: string): Counter {
    return this.#add(new Counter(name, help));
  }

  /** How values are spread, in buckets up to each of some bounds. */
  histogram(name: string, help: string, bounds: readonly number[]): Histogram {
    return this.#add(new Histogram(name, help, bounds));
  }

  /** A number that is looked up whenever it is asked for; `undefined` is left out. */
  gauge(name: string, help: string, read: () => number | undefined): void {
    this.#add(new Reading('gauge', { name, help, read }));
  }

  /** As {@link Registry.gauge}, of a number that only grows. */
  total(name: string, help: string, read: () => number | undefined): void {
    this.#add(new Reading('counter', { name, help, read }));
  }

  /** The text of all metrics. */
  text(): string {
    const lines: string[] = [];
    for (const metric of this.#metrics) {
      lines.push(`# HELP ${metric.name} ${metric.help}`, `# TYPE ${metric.name} ${metric.type}`);
      lines.push(...metric.lines());
    }
    return `${lines.join('\n')}\n`;
  }

  #add<M extends Metric>(metric: M): M {
    if (this.#metrics.some(({ name }) => name === metric.name)) {
      throw new TypeError(`two metrics ${metric.name}`);
    }
    this.#metrics.push(metric);
    return metric;
  }
}

/** A number that only grows, one for each set of labels. */
export class Counter implements Metric {
  readonly name: string;
  readonly help: string;
  readonly type = 'counter';
  readonly #values: Map<string, number> = new Map();

  constructor(name: string, help: string) {
    this.name = name;
    this.help = help;
  }

  add(labels: Labels = {}, by: number = 1): void {
    const series = seriesOf(labels);
    this.#values.set(series, (this.#values.get(series) ?? 0) + by);
  }

  *lines(): Iterable<string> {
    for (const [series, value] of this.#values) yield `${this.name}${series} ${value}`;
  }
}

/** How values are spread. */
export class Histogram implements Metric {
  readonly name: string;
  readonly help: string;
  readonly type = 'histogram';
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;
  #count = 0;

  constructor(name: string, help: string, bounds: readonly number[]) {
    this.name = name;
    this.help = help;
    this.#bounds = bounds;
    this.#counts = bounds.map(() => 0);
  }

  observe(value: number): void {
    this.#sum += value;
    this.#count += 1;
    const at = this.#bounds.findIndex((bound) => value <= bound);
    if (at !== -1) this.#counts[at] = (this.#counts[at] ?? 0) + 1;
  }

  *lines(): Iterable<string> {
    let below = 0;
    for (const [at, bound] of this.#bounds.entries()) {
      below += this.#counts[at] ?? 0;
      yield `${this.name}_bucket{le="${bound}"} ${below}`;
    }
    yield `${this.name}_bucket{le="+Inf"} ${this.#count}`;
    yield `${this.name}_sum ${this.#sum}`;
    yield `${this.name}_count ${this.#count}`;
  }
}

/** A number that is looked up. */
class Reading implements Metric {
  readonly name: string;
  readonly help: string;
  readonly type: 'gauge' | 'counter';
  readonly #read: () => number | undefined;

  constructor(
    type: 'gauge' | 'counter',
    { name, help, read }: Pick<Metric, 'name' | 'help'> & { read: () => number | undefined },
  ) {
    this.type = type;
    this.name = name;
    this.help = help;
    this.#read = read;
  }

  *lines(): Iterable<string> {
    const value = this.#read();
    if (value !== undefined) yield `${this.name} ${value}`;
  }
}

/** Labels as they are written. */
function seriesOf(labels: Labels): string {
  const pairs = Object.entries(labels);
  if (pairs.length === 0) return '';
  return `{${pairs.map(([name, value]) => `${name}="${escaped(value)}"`).join(',')}}`;
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
