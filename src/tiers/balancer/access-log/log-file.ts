// A log as a file that is only appended to. Whoever rotates logs moves it away, and within a second a new one is begun:
// no signal is needed, and no line is lost between the two.

import { type FileHandle, open, stat } from 'node:fs/promises'
import type { LogSink } from './log-sink.ts'

const checkEveryMs = 1000
/** Only its owner and group may read: paths and addresses of clients are nobody else's business. */
const mode = 0o640

export class LogFile implements LogSink {
  readonly #path: string
  #handle: FileHandle
  #inode: number
  #checkedMs = 0

  private constructor(path: string, handle: FileHandle, inode: number) {
    this.#path = path
    this.#handle = handle
    this.#inode = inode
  }

  static async open(path: string): Promise<LogFile> {
    const handle = await open(path, 'a', mode)
    return new LogFile(path, handle, (await handle.stat()).ino)
  }

  async write(text: string): Promise<void> {
    await this.#followRotation()
    await this.#handle.appendFile(text)
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }

  async #followRotation(): Promise<void> {
    const nowMs = performance.now()
    if (nowMs - this.#checkedMs < checkEveryMs) return
    this.#checkedMs = nowMs
    const there = await stat(this.#path).catch(() => undefined)
    if (there?.ino === this.#inode) return
    const next = await open(this.#path, 'a', mode)
    await this.#handle.close().catch(() => {})
    this.#handle = next
    this.#inode = (await next.stat()).ino
  }
}
