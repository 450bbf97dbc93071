// What has to happen at the server in one step, in Lua (https://redis.io/docs/latest/develop/programmability/eval-intro/).
//
// Time is the server's own, in microseconds, so that all processes have the same; and it never goes back for a key: what
// is written is at least one above what was there. That makes versions and fencing tokens that grow, even where a counter
// was evicted or lost with its server, as long as the clocks of servers that follow each other agree.

import { createHash } from 'node:crypto'
import type { Send } from './link.ts'

const clock = `
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local function digits(n) return string.format('%016.0f', n) end
local function put(key, kind, rest, ms)
  local version = math.max(now, (tonumber(redis.call('GETRANGE', key, 2, 17)) or 0) + 1)
  redis.call('SET', key, '1' .. kind .. digits(version) .. rest, 'PX', ms)
  return 1
end
`

export interface Script {
  text: string
  sha: string
}

function script(body: string): Script {
  const text = clock + body
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}

/**
 * KEYS value, lease. ARGV kind, rest, ms. A write ends the lease, so that a load that began before it is refused. The value
 * comes first: a script that has written already is not refused for want of memory any more, and would go on above it.
 */
export const setScript = script(`
local done = put(KEYS[1], ARGV[1], ARGV[2], ARGV[3])
redis.call('DEL', KEYS[2])
return done
`)

/** KEYS value, lease. ARGV token, kind, rest, ms. 0 when the lease is not this one any more. */
export const fillScript = script(`
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
local done = put(KEYS[1], ARGV[2], ARGV[3], ARGV[4])
redis.call('DEL', KEYS[2])
return done
`)

/**
 * KEYS value, lease. ARGV who, ms, refresh, change. The value, or the new lease as 'L' and its token, or nothing: wait.
 * Before a change the value is left no longer than the lease, and a lease of somebody else becomes nobody's: what he loads, or
 * stored before this change, must not be kept should whoever changes it die before he has deleted it.
 */
export const claimScript = script(`
if ARGV[4] == '1' and redis.call('PTTL', KEYS[1]) > tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
if ARGV[3] == '0' then
  local value = redis.call('GET', KEYS[1])
  if value then return value end
end
local token = digits(now) .. ARGV[1]
if redis.call('SET', KEYS[2], token, 'NX', 'PX', ARGV[2]) then return 'L' .. token end
if ARGV[4] == '1' then redis.call('SET', KEYS[2], 'nobody', 'PX', ARGV[2]) end
return false
`)

/** KEYS lease or lock. ARGV token, ms (0 gives it up). Whether it was still this one. */
export const extendScript = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then redis.call('DEL', KEYS[1]) else redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1
`)

/** KEYS tag. ARGV who, ms. Its version; one that is new where there was none. */
export const tagScript = script(`
local version = redis.call('GET', KEYS[1])
if not version then
  version = digits(now) .. ARGV[1]
  redis.call('SET', KEYS[1], version, 'PX', ARGV[2])
end
return version
`)

/** KEYS stream. ARGV at most, ms, who, text. */
export const noticeScript = script(`
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', ARGV[3], ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
`)

/** KEYS lock, last token. ARGV who, ms, ms that the last token is kept. A token above all earlier ones, or nothing. */
export const lockScript = script(`
local token = digits(math.max(now, (tonumber(redis.call('GET', KEYS[2])) or 0) + 1))
if not redis.call('SET', KEYS[1], token .. ARGV[1], 'NX', 'PX', ARGV[2]) then return false end
redis.call('SET', KEYS[2], token, 'PX', ARGV[3])
return token
`)

/**
 * KEYS counts. ARGV limit, window ms, cost, parts. A hash of part of the window -> count. Answers whether, how much is
 * left, ms until the oldest part is over. The part that the window has half left still counts whole: never more than the
 * limit in any window, at the price of giving room back a part late.
 */
export const limitScript = script(`
local limit, window, cost, parts = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local size = window * 1000 / parts
local part = math.floor(now / size)
local used, oldest = 0, part
local entries = redis.call('HGETALL', KEYS[1])
for i = 1, #entries, 2 do
  local at = tonumber(entries[i])
  if at < part - parts then redis.call('HDEL', KEYS[1], entries[i])
  else
    used = used + tonumber(entries[i + 1])
    if at < oldest then oldest = at end
  end
end
local over = math.ceil(((oldest + parts + 1) * size - now) / 1000)
if used + cost > limit then return {0, math.max(0, limit - used), over} end
redis.call('HINCRBY', KEYS[1], string.format('%.0f', part), ARGV[3])
redis.call('PEXPIRE', KEYS[1], math.ceil(window + 2 * size / 1000))
return {1, limit - used - cost, over}
`)

/** By its digest; whole when the server does not know it (it was started anew, or is another one). */
export async function runScript(
  send: Send,
  { text, sha }: Script,
  keys: readonly string[],
  args: ReadonlyArray<string | Buffer>,
): Promise<unknown> {
  const rest = [String(keys.length), ...keys, ...args]
  try {
    return await send(['EVALSHA', sha, ...rest])
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
    return send(['EVAL', text, ...rest])
  }
}
