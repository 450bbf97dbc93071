// Finding what an earlier process left: newest first, so that what does not fit is what is oldest.

import type { KeptHead } from '../contract.ts'
import type { Folder } from './folder.ts'

const filesAtOnceMax = 16

export interface FoundFile {
  serial: number
  head: KeptHead
  checksums: Uint32Array
  headBytes: number
}

export interface Finder {
  /** After so many files. Without it the rest is removed unread. */
  hasRoom(seen: number): boolean
  isOver(): boolean
  /** Whether it is kept. */
  find(found: FoundFile): boolean
  remove(serial: number): void
}

/** In order, though several are read at once: of two files for one answer the newer is found first. */
export async function scan(folder: Folder, serials: readonly number[], finder: Finder): Promise<void> {
  for (let at = 0; at < serials.length && !finder.isOver(); at += filesAtOnceMax) {
    const batch = serials.slice(at, at + filesAtOnceMax)
    const found = finder.hasRoom(at) ? await Promise.all(batch.map((serial) => folder.read(serial))) : []
    batch.forEach((serial, i) => {
      const file = found[i]
      if (!file || !finder.find({ serial, ...file })) finder.remove(serial)
    })
  }
}
