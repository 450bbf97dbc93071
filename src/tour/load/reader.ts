// How verification asks: the load's own connections, but with patience. It looks for data, it does not measure the system,
// so a call that finds nobody is made again.

import { TenfoldError } from '../../base/errors.ts'
import { waitUntil } from '../../base/limits.ts'
import type { Read } from '../checks/read.ts'
import type { LoadClient } from './client.ts'

const callTimeoutMs = 10_000
const patienceMs = 15_000
const retryIntervalMs = 250

export function openReader(client: LoadClient): Read {
  return ({ method, path, headers = {}, body }) =>
    waitUntil(
      async () => {
        const outgoing = { method, path, headers, ...(body === undefined ? {} : { body }) }
        const answer = await client.send(outgoing, callTimeoutMs)
        if (answer.status >= 500) throw new TenfoldError('unavailable', `${method} ${path} answered ${answer.status}`)
        return { status: answer.status, json: parse(answer.body.toString('utf8')) }
      },
      { what: `an answer to ${method} ${path}`, timeoutMs: patienceMs, intervalMs: retryIntervalMs },
    )
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
