// Deletes by the beginning of the key without KEYS, which would stop the server for as long as it takes: SCAN goes in
// steps, between which others are served. It looks at every key of the server: about a second for each million.

import { defaultPrefix } from './keys.ts'
import type { Send } from './link.ts'

const keysEachStep = 500
/** What can become values, first; values; what values hang on. Not locks and counts. */
const everyStart = ['l:', 'v:', 't:']

/** Everything that is remembered at a server. @throws what `send` throws. */
export function clearServer(send: Send, prefix: string = defaultPrefix): Promise<void> {
  return deleteMatching(send, prefix, everyStart)
}

/**
 * `starts`: beginnings behind the prefix, deleted one after the other. SCAN finds every key that is there from the start of
 * one pass to its end. @throws what `send` throws.
 */
export async function deleteMatching(send: Send, prefix: string, starts: readonly string[]): Promise<void> {
  for (const start of starts) {
    const pattern = `${escaped(prefix + start)}*`
    let cursor = '0'
    do {
      const answer = await send(['SCAN', cursor, 'MATCH', pattern, 'COUNT', String(keysEachStep)])
      const [next, keys] = answer as [Buffer, Buffer[]]
      await Promise.all(keys.map((key) => send(['UNLINK', key])))
      cursor = String(next)
    } while (cursor !== '0')
  }
}

/** Glob characters as themselves. */
function escaped(text: string): string {
  return text.replace(/[\\*?[\]]/g, '\\$&')
}
