// Every purge that was ever asked for, or the last ten thousand of them, on disk in the order in which they happened: one line
// of JSON each. The supervisor writes it; a front reads what it missed, whether it was away or only did not hear.

import { type FileHandle, open, readFile } from 'node:fs/promises'
import { TenfoldError } from '../../base/errors.ts'
import { Semaphore } from '../../base/limits.ts'
import { replaceFile } from '../../map/store.ts'
import type { Purge } from '../../tiers/edge/contract.ts'

export interface LoggedPurge {
  /** Counts from 1, without a gap. */
  position: number
  /** ISO 8601. */
  at: string
  purge: Purge
}

/** Kept at least; a front that missed more throws out everything. */
const keptMin = 10_000
/** With so many the log is written anew with the last ones. */
const keptMax = 2 * keptMin
/** Purges that wait for the disk; more are refused. */
const waitersMax = 1000

/** The writing side. One per system. */
export class PurgeLog {
  readonly #file: string
  readonly #turns = new Semaphore(1, waitersMax)
  #handle: FileHandle | undefined
  #count = 0
  #last = 0

  constructor(file: string) {
    this.#file = file
  }

  /** Resolves when it is on disk. @throws overloaded, disk-full */
  append(purge: Purge): Promise<LoggedPurge> {
    return this.#turns.run(async () => {
      if (this.#count >= keptMax) await this.close()
      this.#handle ??= await this.#open()
      const logged = { position: this.#last + 1, at: new Date().toISOString(), purge }
      try {
        await this.#handle.appendFile(lineOf(logged))
        await this.#handle.datasync()
      } catch (error) {
        // What stands there now is not known: the next one looks.
        await this.close()
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
        throw new TenfoldError('disk-full', 'the disk is full: the purge could not be written down', { cause: error })
      }
      this.#last = logged.position
      this.#count++
      return logged
    })
  }

  async close(): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    await handle?.close()
  }

  /** Without a line that was cut by a crash: nobody was told that it happened. Shortened when it has grown too long. */
  async #open(): Promise<FileHandle> {
    const { purges, isTorn } = await readWhole(this.#file)
    const kept = purges.length >= keptMax ? purges.slice(-keptMin) : purges
    // An empty one too: its name is on disk then, before a line is.
    if (isTorn || kept !== purges || purges.length === 0)
      await replaceFile(this.#file, kept.map(lineOf).join(''), 0o600)
    this.#count = kept.length
    this.#last = kept.at(-1)?.position ?? 0
    return open(this.#file, 'a', 0o600)
  }
}

/** What is in the log, the oldest first; nothing when there is none yet. */
export async function readPurges(file: string): Promise<LoggedPurge[]> {
  return (await readWhole(file)).purges
}

async function readWhole(file: string): Promise<{ purges: LoggedPurge[]; isTorn: boolean }> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  const lines = text.split('\n')
  const rest = lines.pop()
  return { purges: lines.map((line) => JSON.parse(line) as LoggedPurge), isTorn: rest !== '' }
}

function lineOf(logged: LoggedPurge): string {
  return `${JSON.stringify(logged)}\n`
}
