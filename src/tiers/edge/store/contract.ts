// Where answers are kept: what is known of each is in memory, its body in memory or on disk.
//
// All of it is synchronous but bodies on disk, so that a hit costs no turn of the event loop and a purge has happened when
// it returns.

import type { Purge } from '../contract.ts'

/** What is known of a kept answer; plain JSON, so that it can stand in front of its body on disk. */
export interface KeptHead {
  readonly key: string
  /** Which values of which request fields select it: field name in small letters, then its normalised value or null. */
  readonly selectedBy: ReadonlyArray<readonly [name: string, value: string | null]>
  readonly status: number
  /** End-to-end fields as they are given to clients, in order, names in small letters; no Age, Connection, framing. */
  readonly fields: ReadonlyArray<readonly [name: string, value: string]>
  /** Body bytes. */
  readonly bytes: number
  /** Names that purge by tag knows it by. */
  readonly tags: readonly string[]
  /** Wall-clock milliseconds: when its age was 0 (RFC 9111, 4.2.3: the time of the answer less its corrected initial age). */
  readonly bornMs: number
  /** From `bornMs` on, how long it is fresh, and how long beyond that it may be given in which case (RFC 5861). */
  readonly freshMs: number
  readonly staleWhileRevalidateMs: number
  readonly staleIfErrorMs: number
  /** It must not be given stale in any case. */
  readonly mustRevalidate: boolean
  /** It is given only after a server confirmed it, as after a soft purge or with `no-cache`. */
  readonly needsValidation: boolean
}

export interface Kept {
  /** Replaced when a 304 or a HEAD brings newer fields. */
  readonly head: KeptHead
  /** Undefined while it is on disk only. */
  readonly body: Buffer | undefined
  /** Made once from the head, for whoever writes it out; gone with a new head. */
  prepared: unknown
}

/** A body that is being kept. Nothing of it can be found before `commit`. */
export interface KeptWriter {
  /** Copies the bytes. False: it has grown too large, or nobody has room, and nothing is kept any more. */
  write(bytes: Buffer, start: number, end: number): boolean
  /** The disk is slower than the server: whoever goes on regardless loses the copy, whoever waits for `onDrain` keeps it. */
  readonly isBackedUp: boolean
  onDrain: (() => void) | undefined
  /** It is whole. Takes the place of the variant with the same selection. Undefined when it is not kept after all. */
  commit(head: KeptHead): Kept | undefined
  /** After `commit`, or twice, it does nothing. */
  abort(): void
}

/** A body on disk, held open: it can be read to its end although the answer is thrown out meanwhile. Close it. */
export interface KeptReader {
  /** Bytes `start` to `end` (not included), checked. Rejects when the file is not whole: the answer is gone then. */
  read(start: number, end: number): Promise<Buffer>
  close(): Promise<void>
}

/** A moment among the purges. */
export type PurgeMark = number

export interface Store {
  /** All variants under a key, newest first. The array is the store's own. */
  find(key: string): readonly Kept[]
  /** It was given to somebody: eviction and admission learn from it. */
  touch(kept: Kept): void
  /**
   * Noted before a server is asked and given with what it answered, so that a purge in between counts for that answer too.
   * Without it, what `begin` and `refresh` are given counts as answered when they are called.
   */
  mark(): PurgeMark
  /** `bytesExpected` -1: not known. Undefined when an answer of that size is not kept. */
  begin(key: string, bytesExpected: number, asked?: PurgeMark): KeptWriter | undefined
  /** Bodies up to this size come whole, by `read`; larger ones piece by piece, by `open`. */
  readonly wholeBytesMax: number
  /**
   * The whole body of one that is on disk; it comes into memory where it fits. Those who ask at the same time share one
   * reading. Rejects when the file is not whole (the answer is gone then: `not-found`), or too many read (`overloaded`).
   */
  read(kept: Kept): Promise<Buffer>
  /** For large bodies, and for parts of one. Rejects like `read`. */
  open(kept: Kept): Promise<KeptReader>
  /** New fields or times for what is kept, of a body as long as before. What was thrown out meanwhile stays out. */
  refresh(kept: Kept, head: KeptHead, asked?: PurgeMark): Kept
  /** Like a purge of this one; what is on its way is not meant. */
  remove(kept: Kept): void
  /** URLs and prefixes are compared with keys less their `GET `, character by character. How many answers that were. */
  purge(purge: Purge): number
  readonly objects: number
  readonly memoryBytes: number
  readonly diskBytes: number
  resize(bounds: StoreBounds): void
  /** What is being written is finished, within a limit. May be called twice; nothing else may be called after it. */
  close(): Promise<void>
}

export interface StoreBounds {
  memoryBytesMax: number
  diskBytesMax: number
  objectBytesMax: number
  /** Known answers, wherever their bodies are. */
  objectsMax: number
  admission: 'first' | 'second'
}
