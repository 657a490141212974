// CRC-32 (IEEE 802.3, reflected, as zlib) without a Node module: for browsers, and for spans so
// short that calling into zlib would cost more. Four tables, four bytes a step.

const polynomial = 0xedb8_8320;

function table(previous: Uint32Array | null, first: Uint32Array | null): Uint32Array {
  const entries = new Uint32Array(256);
  for (let i = 0; i < 256; i++) {
    if (previous !== null && first !== null) {
      const before = previous[i] as number;
      entries[i] = (before >>> 8) ^ (first[before & 0xff] as number);
      continue;
    }
    let value = i;
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? polynomial : 0);
    entries[i] = value;
  }
  return entries;
}

const table0 = table(null, null);
const table1 = table(table0, table0);
const table2 = table(table1, table0);
const table3 = table(table2, table0);

/** Checksum (u32) of bytes[start .. end), continuing from `initial`. The span must be inside. */
export function crc32Span(bytes: Uint8Array, start: number, end: number, initial: number): number {
  let state = ~initial;
  let at = start;
  for (const last = end - 3; at < last; at += 4) {
    state ^=
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
    state =
      (table3[state & 0xff] as number) ^
      (table2[(state >>> 8) & 0xff] as number) ^
      (table1[(state >>> 16) & 0xff] as number) ^
      (table0[state >>> 24] as number);
  }
  for (; at < end; at++) {
    state = (state >>> 8) ^ (table0[(state ^ (bytes[at] as number)) & 0xff] as number);
  }
  return ~state >>> 0;
}
