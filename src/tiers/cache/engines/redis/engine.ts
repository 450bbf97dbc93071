// The cache that processes share, in Redis.
//
// Every method of the cache answers within a bounded time, whatever the servers do: what cannot be read is missing, what
// cannot be written is not kept, and what cannot be deleted is owed to the server (owed.ts).
//
// Deleting by tag: a tag has a version in a key of its own, and a value remembers the versions of its tags. It counts only
// as long as all of them are the same, so that one write deletes any number of values. A tag whose version was evicted
// gets a new one, and never an old one: values with it are missing then, not back.
//
// Deleting by prefix: leases first, then values. A load that began before the call has lost its lease when the first pass
// is over, or had filled its value by then, which is there for the whole second pass.

import { randomBytes } from 'node:crypto'
import { isTenfoldError, TenfoldError } from '../../../../base/errors.ts'
import type { Kept } from '../../contract.ts'
import type { Claim, ClaimOptions, Lease } from '../../shared/contract.ts'
import type { KeyNames } from './keys.ts'
import { type RedisCacheLimits, type RedisCacheOptions, redisCacheLimits } from './options.ts'
import { claimScript, extendScript, fillScript, runScript, setScript, tagScript } from './scripts.ts'
import type { Place, Servers } from './servers.ts'
import { type Read, read, type TagVersions, write } from './wire.ts'

/**
 * A tag outlives every value that it stands on: the longest time to live there is (duration.ts). At home only: a stray
 * version must not be there any more when its home is down again, or what was deleted meanwhile would count again.
 */
const tagMs = 2 ** 31 - 1

const missing = Promise.resolve(undefined)
const nothing = () => undefined

export class RedisCache {
  readonly #servers: Servers
  readonly #names: KeyNames
  readonly #limits: RedisCacheLimits
  /** Makes tokens and versions of ours differ from those of other processes in the same microsecond. */
  readonly #who = randomBytes(8).toString('hex')
  /** Reasons for which a value was not kept, each told once. */
  readonly #told = new Set<string>()

  constructor(servers: Servers, names: KeyNames, limits: RedisCacheLimits) {
    this.#servers = servers
    this.#names = names
    this.#limits = limits
  }

  /** As few promises as there can be: a read of many at the same time is mostly these. */
  get(key: string): Promise<Kept | undefined> {
    const name = this.#names.value(key)
    const place = this.#servers.place(key)
    return place.isOwed(name) ? missing : place.read(name).then(this.#counting, nothing)
  }

  readonly #counting = (found: Read | undefined): Promise<Kept | undefined> | Kept | undefined =>
    found && found.tags.length > 0 ? this.#checked(found).catch(nothing) : found?.kept

  /** Calls of one moment go out in one packet, so that many keys need no command of their own. */
  getMany(keys: readonly string[]): Promise<Array<Kept | undefined>> {
    return Promise.all(keys.map((key) => this.get(key)))
  }

  async set(key: string, kept: Kept, keepMs: number): Promise<void> {
    const tags = await this.#tagVersions(kept.tags).catch(() => undefined)
    const written = tags && this.#written(key, this.#keptIn(this.#servers.place(key), kept), tags)
    if (!written) return this.delete(key)
    const names = this.#namesOf(key)
    await this.#change(key, (place) =>
      runScript(place.send, setScript, names, [written.kind, written.rest, this.#msIn(place, keepMs)]),
    )
  }

  async delete(key: string): Promise<void> {
    await this.#change(key, (place) => place.send(['UNLINK', ...this.#namesOf(key)]))
  }

  async deleteTag(tag: string): Promise<void> {
    const name = this.#names.tag(tag)
    const place = this.#servers.place(tag)
    // Whoever needs the tag next gives it a new version.
    await Promise.all([place.forget([name]), place.other?.forget([name])])
  }

  async deletePrefix(prefix: string): Promise<void> {
    await this.#servers.deleteStarting(this.#names.starts(prefix))
  }

  async claim(key: string, options: ClaimOptions): Promise<Claim> {
    const { leaseMs, tags = [], isChange = false, isRefresh = isChange } = options
    const place = this.#servers.place(key)
    const names = this.#namesOf(key)
    if (names.some((name) => place.isOwed(name))) return { outcome: 'alone' }
    try {
      const versions = await this.#tagVersions(tags)
      const args = [this.#who, String(leaseMs), isRefresh ? '1' : '0', isChange ? '1' : '0']
      const answer = await runScript(place.send, claimScript, names, args)
      if (answer === null) return { outcome: 'wait' }
      const leased = leaseIn(answer)
      if (leased !== undefined) return { outcome: 'lease', lease: { key, token: leased, tags: versions } }
      const found = read(answer)
      const kept = found && (await this.#checked(found))
      if (kept) return { outcome: 'found', kept }
      // A value that does not count (a deleted tag, another form) is no reason for everybody to load.
      return isRefresh ? { outcome: 'wait' } : await this.claim(key, { leaseMs, tags, isRefresh: true })
    } catch {
      return { outcome: 'alone' }
    }
  }

  async extend({ key, token }: Lease, leaseMs: number): Promise<boolean> {
    const { send } = this.#servers.place(key)
    const args = [token, String(Math.max(1, leaseMs))]
    return (await runScript(send, extendScript, [this.#names.lease(key)], args).catch(() => 0)) === 1
  }

  async fill(
    { key, token, tags }: Lease,
    kept: Kept,
    keepMs: number,
    { isChange = false }: { isChange?: boolean } = {},
  ): Promise<boolean> {
    const place = this.#servers.place(key)
    const written = this.#written(key, this.#keptIn(place, kept), tags)
    if (!written) {
      await this.delete(key)
      return false
    }
    const args = [token, written.kind, written.rest, this.#msIn(place, keepMs)]
    const names = this.#namesOf(key)
    const filling = runScript(place.send, fillScript, names, args).catch(() => 0)
    const [answer] = await Promise.all([filling, isChange && place.other?.forget(names)])
    return answer === 1
  }

  async release({ key, token }: Lease): Promise<void> {
    const { send } = this.#servers.place(key)
    await runScript(send, extendScript, [this.#names.lease(key)], [token, '0']).catch(() => {})
  }

  /** A value whose tags are all as they were. */
  async #checked({ kept, tags }: Read): Promise<Kept | undefined> {
    const now = await Promise.all(tags.map(([tag]) => this.#tagVersion(tag)))
    return tags.every(([, version], i) => version === now[i]) ? kept : undefined
  }

  async #tagVersions(tags: readonly string[]): Promise<TagVersions> {
    return Promise.all(
      tags.map(async (tag) => {
        const version = await this.#tagVersion(tag)
        if (version === undefined)
          throw new TenfoldError('unavailable', `the tag ${tag} was deleted and is not gone yet`)
        return [tag, version] as const
      }),
    )
  }

  /** Undefined while its deletion is owed. */
  async #tagVersion(tag: string): Promise<string | undefined> {
    const name = this.#names.tag(tag)
    const place = this.#servers.place(tag)
    if (place.isOwed(name)) return undefined
    return String(await runScript(place.send, tagScript, [name], [this.#who, this.#msIn(place, tagMs)]))
  }

  /** Undefined when it is too large to be kept, or holds what cannot be written: an app that works without us works with us. */
  #written(key: string, kept: Kept, tags: TagVersions) {
    try {
      return write(kept, tags, this.#limits.valueBytesMax)
    } catch (error) {
      if (!isTenfoldError(error)) throw error
      if (!this.#told.has(error.code))
        process.emitWarning(`${key} is not kept: ${error.message}`, { code: 'TENFOLD_CACHE' })
      this.#told.add(error.code)
      return undefined
    }
  }

  /** Never rejects. After it, nothing that was there before comes back. */
  async #change(key: string, work: (place: Place) => Promise<unknown>): Promise<void> {
    const names = this.#namesOf(key)
    const place = this.#servers.place(key)
    await Promise.all([work(place).catch(() => place.owe(names)), place.other?.forget(names)])
  }

  #msIn(place: Place, keepMs: number): string {
    return String(Math.max(1, Math.ceil(place.isStray ? Math.min(keepMs, this.#limits.strayMsMax) : keepMs)))
  }

  /** What lies astray is not to be held in front of the engine for longer either. */
  #keptIn(place: Place, kept: Kept): Kept {
    if (!place.isStray) return kept
    const endMs = Date.now() + this.#limits.strayMsMax
    return { ...kept, freshUntil: Math.min(kept.freshUntil, endMs), calmUntil: Math.min(kept.calmUntil, endMs) }
  }

  #namesOf(key: string): [value: string, lease: string] {
    return [this.#names.value(key), this.#names.lease(key)]
  }
}

/** 'L' and the token, where a value begins with its form. */
function leaseIn(answer: unknown): string | undefined {
  return Buffer.isBuffer(answer) && answer[0] === 0x4c ? answer.toString('latin1', 1) : undefined
}

export function limitsOf({ limits }: RedisCacheOptions): RedisCacheLimits {
  return { ...redisCacheLimits, ...limits }
}
