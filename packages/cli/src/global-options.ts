// The options that every verb has.
import type { OptionSpec } from './command.js';

export const globalOptions = {
  data: {
    value: 'DIR',
    describe: 'Folder of the databases; default PAMINA_DATA, else ./pamina-data',
  },
  directory: {
    value: 'FILE',
    describe:
      'File that maps names to addresses, or etcd://HOST:PORT; default PAMINA_DIRECTORY, else DIR/directory.json',
  },
  'token-file': {
    value: 'FILE',
    describe: 'File with the access token of the servers; readable by its owner only',
  },
  'tls-ca': {
    value: 'FILE',
    describe:
      'Certificates (PEM) of who signs those of the servers; default PAMINA_TLS_CA, else whom Node trusts',
  },
  'tls-cert': {
    value: 'FILE',
    describe:
      'Certificate (PEM) to show: of a server to everybody, of any other verb to servers that ask for one; default PAMINA_TLS_CERT',
  },
  'tls-key': {
    value: 'FILE',
    describe: 'Its private key (PEM), readable by its owner only; default PAMINA_TLS_KEY',
  },
  json: { describe: 'Print JSON: one object, or one a line for streams; errors too' },
} as const satisfies Record<string, OptionSpec>;

/** Does the command line ask for JSON? Known before it is parsed, since that can fail too. */
export function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return (end === -1 ? argv : argv.slice(0, end)).includes('--json');
}
