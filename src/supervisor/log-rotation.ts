// Keeps log files bounded. Processes append to a file that they opened once, so it is copied and cut, not moved.

import { copyFile, readdir, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { Lifecycle } from '../base/lifecycle.ts'

export interface RotationOptions {
  /** A file that is larger is cut; one older copy is kept beside it, so a node's logs take at most twice as much. */
  bytesMax: number
  intervalMs: number
}

export const rotationDefaults: RotationOptions = { bytesMax: 32 * 1024 * 1024, intervalMs: 30_000 }

export class LogRotation extends Lifecycle {
  readonly #dir: string
  readonly #options: RotationOptions
  #timer: NodeJS.Timeout | undefined
  #rotating: Promise<void> = Promise.resolve()

  constructor(dir: string, options: Partial<RotationOptions> = {}) {
    super()
    this.#dir = dir
    this.#options = { ...rotationDefaults, ...options }
  }

  /** Cuts what is too large now. What a process writes between the copy and the cut is lost. */
  async rotate(): Promise<void> {
    for (const name of await readdir(this.#dir)) {
      const file = join(this.#dir, name)
      if (!/\.(log|access)$/.test(name) || (await stat(file)).size <= this.#options.bytesMax) continue
      await copyFile(file, `${file}.1`)
      await truncate(file)
    }
  }

  protected async open(): Promise<void> {
    this.#timer = setInterval(() => {
      this.#rotating = this.#rotating.then(() => this.rotate()).catch(() => {}) // a full disk, or a directory that is gone
    }, this.#options.intervalMs)
    this.#timer.unref()
  }

  protected async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#rotating
  }
}
