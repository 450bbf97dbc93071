// Addresses and networks as people write them: `10.0.0.7`, `10.0.0.0/8`, `fd00::/8`.

import { BlockList, isIP } from 'node:net'

export function isNetwork(text: string): boolean {
  const { address, prefix } = partsOf(text)
  const bits = isIP(address) === 4 ? 32 : isIP(address) === 6 ? 128 : -1
  return bits > 0 && (prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits))
}

/** Those networks as one list to ask. Each must be one (`isNetwork`). */
export function networksOf(texts: readonly string[]): BlockList {
  const list = new BlockList()
  for (const text of texts) {
    const { address, prefix } = partsOf(text)
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    if (prefix === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(prefix), family)
  }
  return list
}

function partsOf(text: string): { address: string; prefix: string | undefined } {
  const at = text.indexOf('/')
  return at < 0 ? { address: text, prefix: undefined } : { address: text.slice(0, at), prefix: text.slice(at + 1) }
}
