// The few fields that are needed of the storage's XML answers. Names in an archive have no character that
// XML escapes, so whatever else stands in a list is another program's and is left alone.

export interface ListedKey {
  readonly key: string;
  readonly bytes: number;
  readonly modifiedMs: number | null;
}

export interface ListPage {
  readonly keys: readonly ListedKey[];
  /** null on the last page. */
  readonly continuation: string | null;
}

/** null for what is no page of a list: a proxy's error page, say. */
export function parseListPage(xml: string): ListPage | null {
  if (!/<ListBucketResult[\s>]/.test(xml) || !xml.includes('</ListBucketResult>')) return null;
  const keys: ListedKey[] = [];
  for (const [, block = ''] of xml.matchAll(/<Contents>([\s\S]*?)<\/Contents>/g)) {
    const key = field(block, 'Key');
    const size = field(block, 'Size');
    if (key === null || size === null || !/^\d{1,16}$/.test(size)) return null;
    const modified = Date.parse(field(block, 'LastModified') ?? '');
    keys.push({ key, bytes: Number(size), modifiedMs: Number.isNaN(modified) ? null : modified });
  }
  const isCut = field(xml, 'IsTruncated') === 'true';
  const continuation = isCut ? field(xml, 'NextContinuationToken') : null;
  return isCut && continuation === null ? null : { keys, continuation };
}

/** `NoSuchKey` and its like. The rest of such a document is not shown: it can hold the access key. */
export function parseErrorCode(xml: string): string | null {
  const code = field(xml, 'Code');
  return code !== null && /^[A-Za-z0-9.]{1,64}$/.test(code) ? code : null;
}

function field(xml: string, name: string): string | null {
  const start = xml.indexOf(`<${name}>`);
  const end = xml.indexOf(`</${name}>`, start);
  return start < 0 || end < 0 ? null : unescapeXml(xml.slice(start + name.length + 2, end));
}

const entities: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
};

function unescapeXml(text: string): string {
  return text.replace(/&(amp|lt|gt|quot|apos);/g, (_all, name: string) => entities[name] ?? '');
}
