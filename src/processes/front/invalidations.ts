// What a request with an unsafe method changed (RFC 9111, 4.4), told to the other fronts: each may keep the old answer. Best
// effort, as the RFC has it; what must be gone is purged.

import { systemClock } from '../../base/clock.ts'
import { Lifecycle } from '../../base/lifecycle.ts'

/** URLs in one call, and waiting in all; more are let go of. */
const urlsMax = 1000
/** Of a batch as JSON; doors take 64 KiB. */
const batchBytesMax = 48 * 1024
/** As long as one waits for others to be told with it. */
const gatherMs = 20

export class Invalidations extends Lifecycle {
  readonly #tell: (urls: string[]) => Promise<void>
  #waiting = new Set<string>()
  #telling: Promise<void> | undefined
  #isOpen = false

  /** `tell` is called with one batch at a time, and may fail. */
  constructor(tell: (urls: string[]) => Promise<void>) {
    super()
    this.#tell = tell
  }

  add(url: string): void {
    if (!this.#isOpen || this.#waiting.size >= urlsMax) return
    this.#waiting.add(url)
    this.#telling ??= this.#tellAll().finally(() => {
      this.#telling = undefined
    })
  }

  protected async open(): Promise<void> {
    this.#isOpen = true
  }

  protected async close(): Promise<void> {
    this.#isOpen = false
    await this.#telling
  }

  async #tellAll(): Promise<void> {
    while (this.#waiting.size > 0) {
      await systemClock.sleep(gatherMs)
      const urls = [...this.#waiting]
      this.#waiting.clear()
      for (const batch of batchesOf(urls)) await this.#tell(batch).catch(() => {})
    }
  }
}

function batchesOf(urls: readonly string[]): string[][] {
  const batches: string[][] = []
  let bytes = batchBytesMax
  for (const url of urls) {
    const own = Buffer.byteLength(JSON.stringify(url)) + 1
    bytes += own
    if (bytes <= batchBytesMax) batches.at(-1)?.push(url)
    else {
      batches.push([url])
      bytes = own
    }
  }
  return batches
}
