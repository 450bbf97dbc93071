// Which of N servers a key lies on, known to every process without asking.
//
// Keys fall into partitions, and partitions onto servers: each has an order of preference over the servers by rendezvous
// hashing (D. Thaler, C. Ravishankar, 1998) and takes the first that is not full, where full is a tenth above the fair
// share: consistent hashing with bounded loads (V. Mirrokni, M. Thorup, M. Zadimoghaddam, SODA 2018), partitions being the
// balls. The bound is on shares of the key space and not on momentary traffic, since a key that moves with the traffic
// would lie, and go stale, in two places.
//
// When a server is down, its partitions, and no others, take the next server of their order that is not full.

export const partitionCount = 4096
/** A server has at most this times its fair share. */
const balance = 1.1

export class Ring {
  readonly #names: readonly string[]
  readonly #owners: Uint16Array
  readonly #substitutes = new Map<string, Uint16Array>()

  /** `names` in any order: the same names give the same ring, wherever. */
  constructor(names: readonly string[]) {
    this.#names = names
    this.#owners = new Uint16Array(partitionCount)
    const everyPartition = Array.from({ length: partitionCount }, (_, i) => i)
    this.#assign(everyPartition, new Set(), this.#owners)
  }

  /** The index of the server, in the order of `names`. */
  ownerOf(partition: number): number {
    return this.#owners[partition] as number
  }

  /** Who has the partition while the servers of `down` are not there. Undefined when none is left. */
  substituteOf(partition: number, down: ReadonlySet<number>): number | undefined {
    if (down.size >= this.#names.length) return undefined
    const owner = this.ownerOf(partition)
    if (!down.has(owner)) return owner
    const key = [...down].sort((a, b) => a - b).join()
    let owners = this.#substitutes.get(key)
    if (owners === undefined) {
      owners = this.#owners.slice()
      const orphans = [...owners.keys()].filter((p) => down.has(this.ownerOf(p)))
      this.#assign(orphans, down, owners)
      // With many servers there are more ways to be partly down than are worth remembering.
      if (this.#substitutes.size >= substitutesMax) this.#substitutes.clear()
      this.#substitutes.set(key, owners)
    }
    return owners[partition]
  }

  #assign(partitions: readonly number[], down: ReadonlySet<number>, owners: Uint16Array): void {
    const able = [...this.#names.keys()].filter((i) => !down.has(i))
    const full = Math.ceil((balance * partitionCount) / able.length)
    const load = new Map(able.map((i) => [i, 0]))
    const isOrphan = new Set(partitions)
    for (const [partition, owner] of owners.entries())
      if (!isOrphan.has(partition) && load.has(owner)) load.set(owner, (load.get(owner) ?? 0) + 1)
    const seeds = this.#names.map(hashOf)
    for (const partition of partitions) {
      let best = -1
      let bestScore = -1
      for (const i of able) {
        if ((load.get(i) ?? 0) >= full) continue
        const score = mix((seeds[i] as number) ^ mix(partition + 1))
        if (score > bestScore) [best, bestScore] = [i, score]
      }
      owners[partition] = best
      load.set(best, (load.get(best) ?? 0) + 1)
    }
  }
}

const substitutesMax = 64

export function partitionOf(key: string): number {
  return mix(hashOf(key)) % partitionCount
}

/** FNV-1a over UTF-16 units (http://www.isthe.com/chongo/tech/comp/fnv/). */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

/** The finalizer of MurmurHash3 (A. Appleby): every bit of the input moves every bit of the answer. */
function mix(value: number): number {
  let x = value >>> 0
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return (x ^ (x >>> 16)) >>> 0
}
