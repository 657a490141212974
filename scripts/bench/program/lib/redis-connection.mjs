// As much of the protocol of Redis as the bench needs: commands as arrays of bulk strings; answers that are
// simple strings, errors or bulk strings, in the order of the commands.
import { once } from 'node:events';
import { connect } from 'node:net';

const lineEnd = '\r\n';

export class RedisConnection {
  #socket;
  #waiting = [];
  #unread = Buffer.alloc(0);

  static async open(port) {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    await once(socket, 'connect');
    return new RedisConnection(socket);
  }

  constructor(socket) {
    this.#socket = socket;
    socket.on('data', (bytes) => this.#read(bytes));
    const end = (error) => {
      const waiting = this.#waiting.splice(0);
      for (const { reject } of waiting) reject(error ?? new Error('Redis closed the connection'));
    };
    socket.on('error', end);
    socket.on('close', () => end());
  }

  /** Null for a key that is not there. Rejects where Redis answers with an error. */
  ask(...words) {
    const parts = words.map((word) => `$${Buffer.byteLength(word)}${lineEnd}${word}${lineEnd}`);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#socket.write(`*${words.length}${lineEnd}${parts.join('')}`);
    });
  }

  close() {
    this.#socket.destroy();
  }

  #read(bytes) {
    this.#unread = this.#unread.length === 0 ? bytes : Buffer.concat([this.#unread, bytes]);
    for (let answer = answerIn(this.#unread); answer !== null; answer = answerIn(this.#unread)) {
      this.#unread = this.#unread.subarray(answer.length);
      const { resolve, reject } = this.#waiting.shift();
      if (answer.error === undefined) resolve(answer.value);
      else reject(new Error(`Redis: ${answer.error}`));
    }
  }
}

/** The first answer and its length; null when it is not whole yet. */
function answerIn(bytes) {
  const end = bytes.indexOf(lineEnd);
  if (end < 0) return null;
  const [kind, text] = [String.fromCharCode(bytes[0]), bytes.toString('utf8', 1, end)];
  const length = end + lineEnd.length;
  if (kind === '+') return { length, value: text };
  if (kind === '-') return { length, error: text };
  if (kind !== '$') throw new Error(`an answer of Redis that is not expected: ${kind}${text}`);
  const size = Number(text);
  if (size < 0) return { length, value: null };
  const whole = length + size + lineEnd.length;
  return bytes.length < whole
    ? null
    : { length: whole, value: bytes.toString('utf8', length, length + size) };
}
