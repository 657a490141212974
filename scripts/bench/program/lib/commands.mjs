// How the bench speaks with a program that it measures: one JSON line a command on stdin, one JSON
// line an answer on stdout. A program ends when its stdin does.
import { createInterface } from 'node:readline';

/** The one argument of every program. */
export function configuration() {
  return JSON.parse(process.argv[2] ?? '{}');
}

/**
 * Says that it is ready, then answers commands until stdin ends.
 * @param {Record<string, (command: any) => any>} handlers by the name of the command
 * @param {() => Promise<void>} close
 * @param {object} [ready] what the bench is to know at once
 */
export async function answerCommands(handlers, close, ready = {}) {
  print({ ready: true, ...ready });
  for await (const line of createInterface({ input: process.stdin })) {
    const command = JSON.parse(line);
    const handler = handlers[command.do];
    if (handler === undefined) throw new Error(`no command ${command.do}`);
    print(await handler(command));
  }
  await close();
  process.exit(0);
}

function print(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
