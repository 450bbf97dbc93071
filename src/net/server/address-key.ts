// Under which name a client is counted. One customer of a network has a whole /64 of IPv6 (RFC 6177), so that is what is
// counted there: single addresses would let everybody be as many clients as they like.

/** IPv4 as it is; of IPv6 the first four groups. */
export function addressKey(address: string): string {
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const missing = Math.max(0, 8 - before.length - after.length)
  const groups = tail === undefined ? before : [...before, ...Array<string>(missing).fill('0'), ...after]
  return `${groups.slice(0, 4).join(':')}::/64`
}
