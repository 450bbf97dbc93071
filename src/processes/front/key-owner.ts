// Which front owns what is kept under a key: all fronts of a region with the same edge say the same, and when one comes or goes
// only its own share moves (Thaler and Ravishankar, "Using name-based mappings to increase hit rates", 1998: highest random
// weight, also called rendezvous hashing).

import { type MapNode, nodesOf, type SystemMap } from '../../map/map.ts'

export interface Owner {
  address: string
  port: number
}

interface Candidate extends Owner {
  id: string
  seed: number
}

export class KeyOwner {
  readonly #self: string
  #candidates: readonly Candidate[] = []

  constructor(self: string) {
    this.#self = self
  }

  /** Fronts that are ready and are built of what this one is built of: others have no edge, or another one. */
  update(map: SystemMap): void {
    const own = map.nodes.find(({ id }) => id === this.#self)
    const isLike = (node: MapNode) => node.region === own?.region && node.settings === own?.settings
    this.#candidates = nodesOf(map, 'front')
      .filter((node) => node.id === this.#self || (node.state === 'ready' && isLike(node)))
      .map(({ id, address, port }) => ({ id, address, port, seed: hash(id) }))
  }

  /** Undefined when this front owns it itself. */
  of(key: string): Owner | undefined {
    if (this.#candidates.length < 2) return undefined
    const hashed = hash(key)
    let owner: Candidate | undefined
    let most = -1
    for (const candidate of this.#candidates) {
      const weight = mixed(hashed ^ candidate.seed)
      if (weight > most || (weight === most && owner && candidate.id < owner.id)) {
        owner = candidate
        most = weight
      }
    }
    return owner?.id === this.#self ? undefined : owner
  }
}

/** FNV-1a (Fowler, Noll, Vo). */
function hash(text: string): number {
  let h = 0x811c9dc5
  for (let at = 0; at < text.length; at++) h = Math.imul(h ^ text.charCodeAt(at), 0x01000193)
  return h >>> 0
}

/** The finalizer of MurmurHash3 (Appleby): every bit of the sum of key and front counts for every bit of the weight. */
function mixed(sum: number): number {
  let h = sum
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
