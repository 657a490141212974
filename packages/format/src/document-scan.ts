// Walks an encoded document before it is decoded: every claimed length must be inside the bytes that
// are there, only plain types are allowed, and nesting is limited. Its own memory is bounded by the
// nesting.
import { documentDepthMax, documentValuesMax } from './limits.js';
import { viewOf } from './integers.js';

// What the head of a value says: how many bytes of content and how many values follow it.
interface Head {
  next: number;
  values: number;
  isText: boolean;
  isContainer: boolean;
  isMap: boolean;
}

/** null if `bytes` is exactly one document of plain types; else what is wrong with it. */
export function scanDocument(bytes: Uint8Array): string | null {
  const view = viewOf(bytes);
  const head: Head = { next: 0, values: 0, isText: false, isContainer: false, isMap: false };
  // per open container: values still to come, and whether they are alternating keys and values
  const remaining: number[] = [];
  const isMap: boolean[] = [];
  let values = 0;
  let at = 0;
  for (;;) {
    if (++values > documentValuesMax) return 'it holds too many values';
    const problem = readHead(bytes, view, at, head);
    if (problem !== null) return problem;
    const depth = remaining.length;
    const isKey = depth > 0 && isMap[depth - 1] === true && (remaining[depth - 1] ?? 0) % 2 === 0;
    if (isKey && !head.isText) return 'a field name is not a text';
    at = head.next;
    if (depth > 0) remaining[depth - 1] = (remaining[depth - 1] ?? 0) - 1;
    // an empty one counts too, as it does where it is encoded
    if (head.isContainer && depth >= documentDepthMax) return 'it is nested too deeply';
    if (head.values > 0) {
      // each value takes at least one byte
      if (head.values > bytes.length - at) return 'a list or an object is longer than the data';
      remaining.push(head.values);
      isMap.push(head.isMap);
    }
    while (remaining.at(-1) === 0) {
      remaining.pop();
      isMap.pop();
    }
    if (remaining.length === 0) return at === bytes.length ? null : 'bytes remain after it';
  }
}

function readHead(bytes: Uint8Array, view: DataView, at: number, head: Head): string | null {
  head.values = 0;
  head.isText = false;
  head.isContainer = false;
  head.isMap = false;
  const token = bytes[at];
  if (token === undefined) return 'it ends too early';
  if (token <= 0x7f || token >= 0xe0) return content(bytes, at + 1, 0, head);
  if (token <= 0x8f) return container(at + 1, 2 * (token & 0x0f), true, head);
  if (token <= 0x9f) return container(at + 1, token & 0x0f, false, head);
  if (token <= 0xbf) return text(bytes, at + 1, token & 0x1f, head);
  const size = fixedBytes(token);
  if (size >= 0) return content(bytes, at + 1, size, head);
  const lengthBytes = lengthSize(token);
  if (lengthBytes === 0) return `type 0x${token.toString(16)} is not allowed`;
  const start = at + 1 + lengthBytes;
  if (start > bytes.length) return 'it ends too early';
  const length =
    lengthBytes === 1
      ? view.getUint8(at + 1)
      : lengthBytes === 2
        ? view.getUint16(at + 1, false)
        : view.getUint32(at + 1, false);
  if (token >= 0xde) return container(start, 2 * length, true, head);
  if (token >= 0xdc) return container(start, length, false, head);
  return token >= 0xd9 ? text(bytes, start, length, head) : content(bytes, start, length, head);
}

/** Bytes after the token of null, false, true, floats and integers; -1 for other tokens. */
function fixedBytes(token: number): number {
  switch (token) {
    case 0xc0:
    case 0xc2:
    case 0xc3:
      return 0;
    case 0xcc:
    case 0xd0:
      return 1;
    case 0xcd:
    case 0xd1:
      return 2;
    case 0xca:
    case 0xce:
    case 0xd2:
      return 4;
    case 0xcb:
    case 0xcf:
    case 0xd3:
      return 8;
    default:
      return -1;
  }
}

/** Bytes of the length after the token of bytes, texts, lists and objects; 0 for other tokens. */
function lengthSize(token: number): number {
  switch (token) {
    case 0xc4:
    case 0xd9:
      return 1;
    case 0xc5:
    case 0xda:
    case 0xdc:
    case 0xde:
      return 2;
    case 0xc6:
    case 0xdb:
    case 0xdd:
    case 0xdf:
      return 4;
    default:
      return 0;
  }
}

function content(bytes: Uint8Array, start: number, length: number, head: Head): string | null {
  head.next = start + length;
  return head.next > bytes.length ? 'it ends too early' : null;
}

function text(bytes: Uint8Array, start: number, length: number, head: Head): string | null {
  head.isText = true;
  return content(bytes, start, length, head);
}

function container(start: number, values: number, isMap: boolean, head: Head): null {
  head.next = start;
  head.isContainer = true;
  head.values = values;
  head.isMap = isMap;
  return null;
}
