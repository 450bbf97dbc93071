// The folder of the disk tier: one file for each answer, named by a number that only grows, spread over 64 folders.
//
// The number orders files by age, tells those from before a purge from those after it, and is never used twice, so that no
// removal that comes late can hit a file that came later.

import { mkdirSync } from 'node:fs'
import { open, readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { KeptHead } from '../contract.ts'
import { readWhole } from './file-reader.ts'
import { decodeTail, footerBytes, tailBytesOf } from './object-file.ts'

const foldersCount = 64
const fileName = /^([0-9a-f]{12})\.object(\.part)?$/
/** Reads most tails at once, and costs no more than reading less. */
const tailGuessBytes = 4096

export class Folder {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  create(): void {
    for (let i = 0; i < foldersCount; i++) mkdirSync(join(this.path, nameOf(i)), { recursive: true, mode: 0o700 })
  }

  get purgeLogPath(): string {
    return join(this.path, 'purges.log')
  }

  pathOf(serial: number): string {
    return join(this.path, nameOf(serial % foldersCount), `${serial.toString(16).padStart(12, '0')}.object`)
  }

  /** Numbers of the files that are there, the newest first. What a process left half written is removed. */
  async list(): Promise<number[]> {
    const serials: number[] = []
    for (let i = 0; i < foldersCount; i++) {
      const folder = join(this.path, nameOf(i))
      for (const name of await readdir(folder)) {
        const [, serial, part] = fileName.exec(name) ?? []
        if (serial === undefined) continue
        if (part) await unlink(join(folder, name)).catch(() => {})
        else serials.push(Number.parseInt(serial, 16))
      }
    }
    return serials.sort((a, b) => b - a)
  }

  /** Undefined when it is not whole. */
  async read(serial: number): Promise<{ head: KeptHead; checksums: Uint32Array; headBytes: number } | undefined> {
    try {
      await using handle = await open(this.pathOf(serial), 'r')
      const { size } = await handle.stat()
      if (size < footerBytes) return undefined
      const end = await readWhole(handle, Math.max(0, size - tailGuessBytes), size)
      const tailBytes = tailBytesOf(end, size)
      if (tailBytes === undefined) return undefined
      const tail =
        tailBytes <= end.length ? end.subarray(end.length - tailBytes) : await readWhole(handle, size - tailBytes, size)
      return decodeTail(tail)
    } catch {
      return undefined
    }
  }
}

function nameOf(index: number): string {
  return index.toString(16).padStart(2, '0')
}
