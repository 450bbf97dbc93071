// What is known of the file of one answer.

import { blockBytes, footerBytes } from './object-file.ts'

/** What a file system gives out at least. */
const clusterBytes = 4096

export interface StoredFile {
  readonly serial: number
  readonly bodyBytes: number
  readonly checksums: Uint32Array
  /** As the file has it, which does not get shorter. */
  headBytes: number
  /** While it is being written; rejects when that failed. */
  landing: Promise<void> | undefined
}

/** Bytes on disk of a file with such parts. */
export function fileBytesOf(bodyBytes: number, headBytes: number): number {
  const bytes = bodyBytes + Math.ceil(bodyBytes / blockBytes) * 4 + headBytes + footerBytes
  return Math.ceil(bytes / clusterBytes) * clusterBytes
}
