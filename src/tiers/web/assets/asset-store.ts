// The deployed assets on disk, of this version of the app and of those before it: a page that was made by an older one still
// finds what it names. All web processes share the directory.
//
//   plain/<versioned name>            named by its content, so it is written once and never changes
//   br/, zstd/, gzip/                 the same names, compressed
//   sets/<hash>.json                  what one version of the app consists of; touched while that version runs

import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Coding, codings, precompress } from './precompress.ts'

/** Sizes of its compressed forms. */
export type StoredAsset = Partial<Record<Coding, number>>

/** One version of the app: each asset's name, its versioned name, what there is of it. */
export type AssetSet = Readonly<Record<string, { file: string; coded: StoredAsset }>>

interface StoredSet {
  name: string
  usedMs: number
  set: AssetSet
}

export interface AssetKeeping {
  /** A version that nobody ran for so long goes. */
  keptMs: number
  /** Versions that are kept at most. */
  setsMax: number
}

export const defaultKeeping: AssetKeeping = { keptMs: 30 * 86_400_000, setsMax: 50 }

/** What is in no set may belong to one that is being written just now. */
const graceMs = 3_600_000
/** How often the disk is looked at for versions that other processes deployed. */
const lookIntervalMs = 1000

export class AssetStore {
  readonly #dir: string
  readonly #setsDir: string
  #known = new Map<string, StoredAsset>()
  #lookedAtMs = Number.NEGATIVE_INFINITY

  constructor(dir: string) {
    this.#dir = dir
    this.#setsDir = join(dir, 'sets')
  }

  /** Where files of that form are, each under its versioned name. */
  dirOf(form: Coding | 'plain'): string {
    return join(this.#dir, form)
  }

  /** Writes an asset and its compressed forms, unless they are there. */
  async put(file: string, content: Buffer): Promise<StoredAsset> {
    const known = await this.#codedOf(file, content.length)
    if (known) return known
    const coded: StoredAsset = {}
    for (const [coding, compressed] of await precompress(file, content)) {
      await writeWhole(join(this.dirOf(coding), file), compressed)
      coded[coding] = compressed.length
    }
    // The plain form last: while it is missing, all forms are made again.
    await writeWhole(join(this.dirOf('plain'), file), content)
    return coded
  }

  /** From here on the set's files are served and kept. */
  async putSet(set: AssetSet): Promise<string> {
    const text = JSON.stringify(set)
    const name = `${createHash('sha256').update(text).digest('hex').slice(0, 16)}.json`
    await writeWhole(join(this.#setsDir, name), Buffer.from(text))
    this.#learn(set)
    return name
  }

  /** What there is of a versioned name, of whatever version of the app; undefined when no set has it. */
  async find(file: string): Promise<StoredAsset | undefined> {
    const known = this.#known.get(file)
    if (known || performance.now() - this.#lookedAtMs < lookIntervalMs) return known
    this.#lookedAtMs = performance.now()
    for (const { set } of await this.#sets({ isStrict: false })) this.#learn(set)
    return this.#known.get(file)
  }

  /**
   * Deletes what is too old or too much. `running` is in use and stays. May run in several processes at once.
   * @throws when a set cannot be read: then nothing is deleted, since its assets may be in use.
   */
  async sweep(running: string, { keptMs, setsMax }: AssetKeeping = defaultKeeping): Promise<void> {
    const now = new Date()
    await utimes(join(this.#setsDir, running), now, now)
    const sets = (await this.#sets({ isStrict: true })).sort((a, b) => b.usedMs - a.usedMs)
    if (!sets.some(({ name }) => name === running)) throw new Error(`the set ${running} is gone from ${this.#setsDir}`)
    const goes = (usedMs: number, rank: number) => rank >= setsMax || now.getTime() - usedMs > keptMs
    const kept = sets.filter(({ name, usedMs }, rank) => name === running || !goes(usedMs, rank))
    for (const { name } of sets)
      if (!kept.some((set) => set.name === name)) await rm(join(this.#setsDir, name), { force: true })
    this.#known = new Map()
    for (const { set } of kept) this.#learn(set)
    for (const dir of (['plain', ...codings] as const).map((form) => this.dirOf(form)))
      for (const file of await filesBelow(dir)) {
        if (this.#known.has(file)) continue
        const found = await stat(join(dir, file)).catch(() => undefined)
        if (found && now.getTime() - found.mtimeMs > graceMs) await rm(join(dir, file), { force: true })
      }
  }

  #learn(set: AssetSet): void {
    for (const { file, coded } of Object.values(set)) this.#known.set(file, coded)
  }

  /** Those that are there; `isStrict`: one that is there and cannot be read is an error. */
  async #sets({ isStrict }: { isStrict: boolean }): Promise<StoredSet[]> {
    const none = (error: NodeJS.ErrnoException): [] => {
      if (isStrict && error.code !== 'ENOENT') throw error
      return []
    }
    const names = (await readdir(this.#setsDir).catch(none)).filter((name) => name.endsWith('.json'))
    const read = async (name: string): Promise<StoredSet[]> => {
      const path = join(this.#setsDir, name)
      const [text, { mtimeMs }] = await Promise.all([readFile(path, 'utf8'), stat(path)])
      return [{ name, usedMs: mtimeMs, set: JSON.parse(text) as AssetSet }]
    }
    return (await Promise.all(names.map((name) => read(name).catch(none)))).flat()
  }

  /** Undefined unless the asset is there whole. */
  async #codedOf(file: string, bytes: number): Promise<StoredAsset | undefined> {
    const plain = await stat(join(this.dirOf('plain'), file)).catch(() => undefined)
    if (plain?.size !== bytes) return undefined
    const coded: StoredAsset = {}
    for (const coding of codings) {
      const found = await stat(join(this.dirOf(coding), file)).catch(() => undefined)
      if (found) coded[coding] = found.size
    }
    return coded
  }
}

async function filesBelow(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true, recursive: true }).catch(() => [])
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1))
}

/** Whole or not at all, also when the power fails: a name that says its content must not stand for anything else. */
async function writeWhole(path: string, content: Buffer): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const draft = `${path}.${randomUUID()}.draft`
  try {
    await writeFile(draft, content, { flush: true })
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
}
