// Hands a recovering server the log out of the store, segment by segment, as it asks for it.
//
// The server knows only restore_command, a shell command that is to put one file in one place, and runs it as its own user.
// Ours is a script that asks by making a file and waits for an answer in a directory; we answer, and fetch the next
// segments ahead, so that neither disk nor memory ever hold more than a few. The script's exit code decides over data:
// 1 means "the log ends here", so it is given only for what the archive really does not have. Whatever else goes wrong,
// our own death included, is a code above 125, at which the server gives up in place of ending its recovery too early.

import { chmod, mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../../base/clock.ts'
import { describeError } from '../../../base/errors.ts'
import { Lifecycle } from '../../../base/lifecycle.ts'
import type { ServerOwner } from '../../../programs/postgres/contract.ts'
import { giveTo } from '../../../programs/postgres/owner.ts'
import { parseSegmentName, segmentBytes, segmentName } from '../../../programs/postgres/wal-segment.ts'
import type { ShardArchive, WalListing } from '../archive.ts'
import { hasBytesOf, type TimelinePath } from '../timeline-path.ts'

const pollMs = 10
const heartbeatMs = 5000
/** Segments that lie ready before they are asked for. */
const aheadMax = 4
/** How long the script waits for one answer: longer than all attempts at a store together. */
const answerSecondsMax = 900

export interface WalFeederOptions {
  archive: ShardArchive
  wal: WalListing
  path: TimelinePath
  /** Made and removed here. */
  dir: string
  owner: ServerOwner | undefined
  onFed?: (file: string) => void
}

export class WalFeeder extends Lifecycle {
  readonly #options: WalFeederOptions
  #abort = new AbortController()
  #loop: Promise<void> = Promise.resolve()
  #heartbeat: NodeJS.Timeout | undefined
  #fetching = new Map<string, Promise<void>>()
  /** Why the server was told to give up. */
  failure: string | undefined

  constructor(options: WalFeederOptions) {
    super()
    this.#options = options
  }

  /** For postgresql.conf, in which % and the shell both have a say. */
  get restoreCommand(): string {
    const script = `'${join(this.#options.dir, 'fetch').replaceAll("'", `'\\''`)}'`
    const quoted = script.replaceAll('%', '%%')
    // A shell that does not find its script may end with 2, which the server would take for the end of the log.
    return `[ -r ${quoted} ] || exit 200; exec /bin/sh ${quoted} %f %p`
  }

  protected async open(): Promise<void> {
    const { dir, owner } = this.#options
    this.#abort = new AbortController()
    await rm(dir, { recursive: true, force: true })
    for (const path of [dir, ...['want', 'ready', 'absent', 'draft'].map((name) => join(dir, name))]) {
      await mkdir(path, { recursive: true, mode: 0o700 })
      await chmod(path, 0o700)
      await giveTo(owner, path)
    }
    const script = join(dir, 'fetch')
    await writeFile(script, fetchScript, { mode: 0o500 })
    await giveTo(owner, script)
    await this.#stayAlive()
    this.#heartbeat = setInterval(() => void this.#stayAlive().catch(() => {}), heartbeatMs)
    this.#heartbeat.unref()
    this.#loop = this.#keepAnswering(this.#abort.signal)
  }

  /** The script gives up when this file gets older than a minute: whoever asks us must not wait for the dead. */
  async #stayAlive(): Promise<void> {
    await writeFile(join(this.#options.dir, 'alive'), '')
  }

  protected async close(): Promise<void> {
    clearInterval(this.#heartbeat)
    this.#abort.abort()
    await this.#loop
    await Promise.allSettled(this.#fetching.values())
    await rm(this.#options.dir, { recursive: true, force: true })
  }

  async #keepAnswering(signal: AbortSignal): Promise<void> {
    const { dir } = this.#options
    while (!signal.aborted) {
      try {
        for (const file of await readdir(join(dir, 'want'))) await this.#answer(file)
      } catch (error) {
        this.failure ??= describeError(error)
        await writeFile(join(dir, 'broken'), '').catch(() => {})
      }
      await systemClock.sleep(pollMs, signal)
    }
  }

  async #answer(file: string): Promise<void> {
    const { dir } = this.#options
    if (this.#has(file)) {
      await this.#fetch(file)
      this.#fetching.delete(file) // it is the server's now; asked again, it is fetched again
      this.#options.onFed?.(file)
      this.#fetchAhead(file)
    } else await this.#place('absent', file, Buffer.alloc(0))
    await rm(join(dir, 'want', file), { force: true })
  }

  /** Only what belongs to the way to the target: a branch beside it must not be taken for the log's continuation. */
  #has(file: string): boolean {
    const { wal, path } = this.#options
    if (file.endsWith('.history')) return wal.histories.has(Number.parseInt(file, 16))
    const segment = parseSegmentName(file)
    return segment !== undefined && hasBytesOf(path, segment) && (wal.segments.has(file) || wal.partials.has(file))
  }

  /** Resolves when it lies ready; what is being fetched already is not fetched twice. */
  #fetch(file: string): Promise<void> {
    const under = this.#fetching.get(file)
    if (under) return under
    const { archive, wal } = this.#options
    const isPartial = !file.endsWith('.history') && !wal.segments.has(file)
    const fetching = (isPartial ? archive.readPartial(file) : archive.readWalFile(file)).then((content) =>
      this.#place('ready', file, content),
    )
    this.#fetching.set(file, fetching)
    return fetching
  }

  #fetchAhead(file: string): void {
    const segment = parseSegmentName(file)
    if (!segment) return
    for (let ahead = 1; ahead <= aheadMax; ahead++) {
      const next = segmentName({ ...segment, lsn: segment.lsn + BigInt(ahead * segmentBytes) })
      if (!this.#has(next)) return
      this.#fetch(next).catch(() => {}) // whoever asks for it hears of it
    }
  }

  async #place(answer: 'ready' | 'absent', file: string, content: Buffer): Promise<void> {
    const { dir, owner } = this.#options
    const draft = join(dir, 'draft', file)
    const handle = await open(draft, 'w', 0o600)
    try {
      await handle.writeFile(content)
    } finally {
      await handle.close()
    }
    await giveTo(owner, draft)
    await rename(draft, join(dir, answer, file))
  }
}

const fetchScript = `# Written by Tenfold: puts the file $1 of the log at $2. See wal-feeder.ts.
dir=$(dirname "$0")
rm -f "$dir/absent/$1"
waited=0
while [ $waited -lt ${answerSecondsMax * 50} ]; do
  if [ $((waited % 50)) -eq 0 ]; then
    : > "$dir/want/$1" || exit 200
    [ -n "$(find "$dir/alive" -mmin -1)" ] || exit 200
  fi
  if [ -e "$dir/ready/$1" ]; then mv "$dir/ready/$1" "$2" && exit 0; exit 200; fi
  if [ -e "$dir/absent/$1" ]; then exit 1; fi
  if [ -e "$dir/broken" ] || [ ! -d "$dir/want" ]; then exit 200; fi
  sleep 0.02
  waited=$((waited + 1))
done
exit 200
`
