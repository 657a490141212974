// One exchange over a bare socket: what a client of HTTP would never send, and whatever comes back.
import { createConnection, type Socket } from 'node:net';

export interface Exchange {
  /** Of the first answer; null where the connection ended, or nothing came, without one. */
  readonly status: number | null;
  /** All that came, as text in which every byte is a character. */
  readonly text: string;
  /** The other side ended the connection. */
  readonly closed: boolean;
}

export interface RawOptions {
  /** Sent once the first answer has come, such as frames behind a handshake. */
  readonly afterwards?: Buffer | undefined;
  /** Waits for the end of the connection, and not only for an answer. */
  readonly untilClosed?: boolean | undefined;
  /** Breaks the connection off as soon as all is sent. */
  readonly destroy?: boolean | undefined;
  readonly deadlineMs?: number | undefined;
}

const textLengthMax = 256 * 1024;
const deadlineMsDefault = 8_000;

export function exchange(
  port: number,
  bytes: Buffer | string,
  options: RawOptions = {},
): Promise<Exchange> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port, noDelay: true });
    let text = '';
    let hasSentMore = false;
    const end = (closed: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ status: statusIn(text), text, closed });
    };
    const timer = setTimeout(() => end(false), options.deadlineMs ?? deadlineMsDefault);
    socket.on('data', (chunk) => {
      if (text.length < textLengthMax) text += chunk.toString('latin1');
      if (!isWhole(text)) return;
      if (options.afterwards !== undefined && !hasSentMore) {
        hasSentMore = true;
        socket.write(options.afterwards);
      } else if (options.untilClosed !== true && options.afterwards === undefined) end(false);
    });
    // A reset is an end like another one.
    socket.on('error', () => undefined);
    socket.on('close', () => end(true));
    send(socket, bytes, options.destroy === true);
  });
}

function send(socket: Socket, bytes: Buffer | string, thenDestroy: boolean): void {
  socket.on('connect', () => {
    const all = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
    socket.write(all, () => {
      if (thenDestroy) socket.destroy();
    });
  });
}

function statusIn(text: string): number | null {
  const found = /^HTTP\/1\.[01] ([0-9]{3})/.exec(text)?.[1];
  return found === undefined ? null : Number(found);
}

/** Whether the first answer is there with its body. */
function isWhole(text: string): boolean {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return false;
  const head = text.slice(0, headEnd).toLowerCase();
  if (head.startsWith('http/1.1 101')) return true;
  const body = text.slice(headEnd + 4);
  const length = /content-length: ([0-9]+)/.exec(head)?.[1];
  if (length !== undefined) return body.length >= Number(length);
  return !head.includes('transfer-encoding: chunked') || body.endsWith('0\r\n\r\n');
}
