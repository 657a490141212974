// The text format of Prometheus (version 0.0.4): families of samples with labels.

export type MetricType = 'counter' | 'gauge' | 'histogram';

export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: MetricType;
}

export type Labels = Readonly<Record<string, string>>;

interface Sample {
  readonly suffix: string;
  readonly labels: Labels;
  readonly value: number;
}

/** Gathers samples family by family, in the order in which the families came. */
export class MetricsText {
  readonly #families = new Map<string, { family: MetricFamily; samples: Sample[] }>();

  /** `suffix`: of the parts of a histogram. */
  add(family: MetricFamily, labels: Labels, value: number, suffix = ''): void {
    const found = this.#families.get(family.name);
    const sample = { suffix, labels, value };
    if (found === undefined) this.#families.set(family.name, { family, samples: [sample] });
    else found.samples.push(sample);
  }

  text(): string {
    const lines: string[] = [];
    for (const { family, samples } of this.#families.values()) {
      const { help, name, type } = family;
      lines.push(`# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`);
      lines.push(`# TYPE ${name} ${type}`);
      for (const { labels, suffix, value } of samples) {
        lines.push(`${name}${suffix}${labelsText(labels)} ${numberText(value)}`);
      }
    }
    return `${lines.join('\n')}\n`;
  }
}

function labelsText(labels: Labels): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (value === Infinity) return '+Inf';
  return value === -Infinity ? '-Inf' : String(value);
}
