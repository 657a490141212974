// What a server has to say of itself that belongs to no database, and so into no job log.

export interface Notice {
  readonly level: 'info' | 'warning';
  readonly topic: 'certificates' | 'exposure';
  /** Plain words, without the end of the sentence. */
  readonly message: string;
}
