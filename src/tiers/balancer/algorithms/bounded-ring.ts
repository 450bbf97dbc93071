// The same text goes to the same server, a server that comes or goes moves only its share of the texts, and none gets more
// than a quarter above the average, however popular one text is.
//
// Source: D. Karger et al., "Consistent Hashing and Random Trees" (1997); V. Mirrokni, M. Thorup, M. Zadimoghaddam,
// "Consistent Hashing with Bounded Loads" (2016): who is at its bound is passed over, and the next on the ring asked.
// Worked example: 3 equal servers with 20 requests under way: the bound is ceil(1.25 * 21 / 3) = 9 each.

import type { ServerState } from '../server-state.ts'
import type { Algorithm } from './algorithm.ts'
import { hashOfText } from './text-hash.ts'

/** Places of a server of weight 1 on the ring: shares then differ by about a tenth. */
const pointsPerWeight = 128
const pointsPerServerMax = 128 * 64
const usualLoadFactor = 1.25
/** Fewer requests than this at one server are no overload, whatever the average is. */
const boundMin = 4

/** `loadFactor`: how far above the average a server may be. Infinity: as far as its own limit. */
export function boundedRing(loadFactor = usualLoadFactor): Algorithm {
  let points = new Uint32Array(0)
  let owners: ServerState[] = []
  return {
    needsHash: true,
    follow(servers) {
      const places = servers.flatMap((server) =>
        Array.from({ length: pointCount(server) }, (_, i) => ({
          server,
          point: hashOfText(`${server.upstream.id}#${i}`),
        })),
      )
      places.sort((a, b) => a.point - b.point)
      points = Uint32Array.from(places, ({ point }) => point)
      owners = places.map(({ server }) => server)
    },
    pick(candidates, hash, nowMs) {
      let inFlight = 1
      let weights = 0
      for (const server of candidates) {
        inFlight += server.inFlight
        weights += server.weightAt(nowMs)
      }
      const perWeight = (loadFactor * inFlight) / weights
      const start = firstFrom(points, hash)
      let first: ServerState | undefined
      for (let i = 0; i < owners.length; i++) {
        const server = owners[(start + i) % owners.length] as ServerState
        if (!candidates.includes(server)) continue
        first ??= server
        const bound = Math.max(boundMin, Math.ceil(perWeight * server.weightAt(nowMs)))
        if (server.inFlight < bound) return server
      }
      return first ?? (candidates[hash % candidates.length] as ServerState)
    },
  }
}

function pointCount({ upstream: { weight } }: ServerState): number {
  return Math.max(1, Math.min(pointsPerServerMax, Math.round(pointsPerWeight * weight)))
}

/** Place of the first point that is not below the hash; behind the last one the ring begins anew. */
function firstFrom(points: Uint32Array, hash: number): number {
  let low = 0
  let high = points.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((points[middle] as number) < hash) low = middle + 1
    else high = middle
  }
  return low === points.length ? 0 : low
}
