// One number for a text, the same in every process: several balancers must send one client to one server.
//
// FNV-1a (draft-eastlake-fnv) over the bytes, then the finaliser of MurmurHash3 (A. Appleby, fmix32), because a ring needs
// all bits to be good and short texts leave FNV's high ones poor.

const offsetBasis = 0x811c9dc5
const prime = 0x01000193

export function hashOfText(text: string): number {
  let hash = offsetBasis
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), prime)
  return finish(hash)
}

export function hashOfBytes(bytes: Uint8Array, start: number, end: number): number {
  let hash = offsetBasis
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] as number), prime)
  return finish(hash)
}

function finish(hash: number): number {
  let h = hash
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
