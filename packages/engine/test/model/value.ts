// Values of the model are short texts that stand for long ones: a serial number and a size.

export function valueToken(serial: number, size: number): string {
  return `${serial}*${size}`;
}

/** What is stored for a token. */
export function valueOf(token: string): string {
  return `${token}:${'x'.repeat(Number(token.slice(token.indexOf('*') + 1)))}`;
}

/** The token of a stored value, all of which must be right. */
export function tokenOf(value: string): string {
  const token = value.slice(0, value.indexOf(':'));
  return valueOf(token) === value ? token : `damaged: ${value.slice(0, 100)}`;
}

export function bytesOf(key: string): Buffer {
  return Buffer.from(key, 'latin1');
}

export function keyOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

export function shown(value: unknown): string {
  return JSON.stringify(value);
}
