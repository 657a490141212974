// The bytes of the channel of calls: how a program elsewhere reads and writes one database. Keys and values travel
// as raw bytes. Everything is little endian.
//   A message of a client:  0 u8 kind · 1 three zeros · 4 its calls
//   A message of a server:  0 u8 kind · 1 three zeros · 4 u32 timeline · 8 u64 what every read from here on sees
//                           at least · 16 u64 what the answers in it can have seen at most · 24 its answers
//   A call or an answer:    0 u32 bytes of the body · 4 u32 number · 8 u8 verb, or how it went · 9 u8 flags
//                           10 u16 bytes of options, with which the body begins · 12 the body
// What is larger than `callPartBytesMax` comes in parts, of which all but the last have a flag. Parts of two calls
// are never mixed; those of answers may be.

/** Raised when a message changes in a way that an older peer would misread. */
export const callsProtocol = 1;

/** First byte of every message. */
export const callsKind = { control: 1, calls: 2, answers: 3 } as const;
export const callsHeaderBytes = 4;
export const answersHeaderBytes = 24;
export const itemHeaderBytes = 12;
export const flagMore = 1;

/** What a call asks for. `source` in a body: 0 = the state of now, else a snapshot or a transaction of the client's. */
export const callVerb = {
  /** u32 source · key */
  get: 1,
  /** u32 source · u32 number of keys · each u32 length and key */
  getMany: 2,
  /** as get */
  has: 3,
  /** as getMany */
  hasMany: 4,
  /** u32 length of the key · key · value */
  put: 5,
  /** key */
  del: 6,
  /** the body of a commit, without prefix bytes */
  batch: 7,
  /** msgpack: a range */
  clear: 8,
  /** u32 iterator · msgpack: a range and what of it */
  openIterator: 9,
  /** u32 iterator · u32 entries at most */
  next: 10,
  /** u32 iterator · key */
  seek: 11,
  /** u32 iterator or snapshot */
  close: 12,
  /** u32 snapshot */
  openSnapshot: 13,
  /** u32 transaction · msgpack: its options */
  begin: 14,
  /** u32 transaction · the body of a commit */
  write: 15,
  /** u32 transaction */
  commit: 16,
  /** u32 transaction */
  rollback: 17,
  /** u32 transaction: it is still wanted */
  renew: 18,
  /** nothing: where reads are, and how long the way is */
  look: 19,
  /** nothing: the names of replicas that answer queries */
  replicas: 20,
} as const;

export type CallVerb = (typeof callVerb)[keyof typeof callVerb];

/** How a call went. `nothing`: there is no such key, or nothing more. `failed`: msgpack, an error. */
export const answerStatus = { done: 0, nothing: 1, failed: 2 } as const;

/** In an answer with values: there is none. */
export const noValue = 0xffff_ffff;
