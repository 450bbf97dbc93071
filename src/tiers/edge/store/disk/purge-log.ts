// Purges whose files are not all off the disk yet: a process that is killed meanwhile must not find them again when it starts.
//
// A line is in the kernel when `add` returns, so that a killed process loses nothing. When the machine itself fails, the log
// of purges that the system keeps is what repeats those of the last minutes (processes/purges): a cache that waited for the
// disk at each purge would stop answering for that long.

import { closeSync, ftruncateSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs'
import type { Purge } from '../../contract.ts'

export interface LoggedPurge {
  /** Files with a smaller number are meant. */
  serial: number
  purge: Purge
}

/** With more, the log says that everything is to go; it is read after a crash only. */
const purgesMax = 10_000

/** To take lines from its front it is written anew, which is not worth it for a few. */
const cutMin = 1000

export class PurgeLog {
  readonly #path: string
  #fd: number
  #purges: LoggedPurge[]

  constructor(path: string) {
    this.#path = path
    this.#fd = openSync(path, 'a+', 0o600)
    this.#purges = parse(readFileSync(this.#fd, 'utf8'))
  }

  /** A copy. */
  get purges(): LoggedPurge[] {
    return [...this.#purges]
  }

  get count(): number {
    return this.#purges.length
  }

  /** Throws when it cannot be written. */
  add(purge: LoggedPurge): void {
    if (this.#purges.length < purgesMax) {
      writeSync(this.#fd, lineOf(purge))
      this.#purges.push(purge)
    } else this.#replace([{ serial: purge.serial, purge: { everything: true } }])
  }

  /** The oldest of them are done. */
  settle(count: number): void {
    if (count === this.#purges.length) {
      ftruncateSync(this.#fd, 0)
      this.#purges = []
    } else if (count >= cutMin) this.#replace(this.#purges.slice(count))
  }

  close(): void {
    closeSync(this.#fd)
  }

  /** Under another name first: there is no moment in which neither the old log nor the new one is there. */
  #replace(purges: LoggedPurge[]): void {
    const path = `${this.#path}.next`
    writeFileSync(path, purges.map(lineOf).join(''), { mode: 0o600 })
    renameSync(path, this.#path)
    closeSync(this.#fd)
    this.#fd = openSync(this.#path, 'a', 0o600)
    this.#purges = purges
  }
}

/** More files than there will be, and a number that still fits into their names. */
const serialOfAll = 2 ** 47

function lineOf(purge: LoggedPurge): string {
  return `${JSON.stringify(purge)}\n`
}

/** A last line that was cut is one whose purge had not returned yet; what cannot be read otherwise is taken for the worst. */
function parse(text: string): LoggedPurge[] {
  const lines = text.split('\n')
  lines.pop()
  return lines.map((line) => {
    try {
      return JSON.parse(line) as LoggedPurge
    } catch {
      return { serial: serialOfAll, purge: { everything: true } }
    }
  })
}
