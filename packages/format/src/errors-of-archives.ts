// The rows of the table of errors that are of archives. Alphabetical.

import {
  damaged,
  limit,
  missing,
  network,
  refused,
  state,
  usage,
  type ErrorRow,
} from './error-classes.js';

export const archiveErrors = {
  ARCHIVE_ADDRESS_INVALID: usage(
    'Write an archive as /PATH, file:///PATH or s3://BUCKET/PREFIX?endpoint=https://HOST&region=REGION. Credentials stand in the environment or in a file, never in the address.',
  ),
  ARCHIVE_CONFLICT: refused(
    'Another history is kept there under the same name, and was left as it is. Give this database an archive, or a prefix, of its own.',
    409,
  ),
  ARCHIVE_CREDENTIALS_MISSING: usage(
    'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY where the server runs, or name a file with `--credentials-file`.',
  ),
  ARCHIVE_DAMAGED: damaged(
    'What the archive delivered is not what was stored. Read it again; if it stays, use another archive or backup and have the storage checked.',
  ),
  ARCHIVE_DENIED: refused(
    'The storage refused the request. Check the credentials, the region, the clock of this machine and the rights on the bucket.',
  ),
  ARCHIVE_ENCRYPTION: state(
    'An archive is encrypted from its beginning or never. Give `--recipient` and `--identity-file` for one that is, leave them out for one that is not.',
  ),
  ARCHIVE_EXISTS: state('Choose another name, or remove the archive of this name first.'),
  ARCHIVE_GAP: missing(
    'Log that the archive needs was deleted here before it was archived. Take a backup with `pamina backup NAME`: archiving goes on from it.',
    410,
  ),
  ARCHIVE_IN_USE: state(
    'A database elsewhere archives there, and its settings say what stays: expire it where that database is, or remove the archive from it first (`pamina archive remove`). If that database is gone for good, say so with `--abandoned`.',
  ),
  ARCHIVE_KEY_INVALID: usage(
    'Recipients are public keys (age1…), the identity file is what `age-keygen` wrote; it must belong to one of the recipients.',
  ),
  ARCHIVE_NOT_FOUND: missing(
    'Check the name with `pamina archive list NAME`, and that the bucket or folder exists and holds an archive.',
  ),
  ARCHIVE_OBJECT_NOT_FOUND: missing('Check the archive with `pamina verify ARCHIVE`.'),
  ARCHIVE_OBJECT_TOO_LARGE: limit('Use smaller segments.'),
  ARCHIVE_UNAVAILABLE: network(
    'The storage does not answer. It is tried again by itself; if not, check the address and the network.',
    503,
  ),
} satisfies Record<string, ErrorRow>;
