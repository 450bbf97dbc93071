// A hash of a key in 31 bits. Source: FNV-1a (G. Fowler, L. Noll, K. Vo) with the last mix of MurmurHash3 (A. Appleby).
// The seed differs by process, so that nobody outside can choose keys that share a hash.

export function hashKey(key: string, seed: number): number {
  let hash = seed
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 1
}
