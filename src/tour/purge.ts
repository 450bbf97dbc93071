// A purge by tag, and the proof that every front has heard of it: nothing that was kept before is given any more.

import { request } from 'node:http'
import { systemClock } from '../base/clock.ts'
import { TenfoldError } from '../base/errors.ts'
import { waitUntil } from '../base/limits.ts'
import type { StatusNode } from '../control/api.ts'
import type { ControlClient } from '../control/client.ts'

/** Something that the app lets an edge keep, and its tag. */
const path = '/api/popular'
const tag = 'popular'
const seenWithinMs = 1000
const answerTimeoutMs = 5000

export async function purgeEverywhere(client: ControlClient): Promise<void> {
  const { nodes, urls } = await client.status()
  const fronts = nodes.filter(({ role, state }) => role === 'front' && state === 'ready')
  const { host } = new URL(urls.app)
  for (const front of fronts) await dateOf(front, host)
  // Dates are in whole seconds: what was kept is now of an earlier one.
  await systemClock.sleep(1000)
  const purgedMs = Math.floor(Date.now() / 1000) * 1000
  await client.purge({ tag })
  const isGone = async () =>
    (await Promise.all(fronts.map((front) => dateOf(front, host)))).every((ms) => ms >= purgedMs)
  await waitUntil(isGone, { what: `the purge of ${tag} at ${fronts.length} fronts`, timeoutMs: seenWithinMs })
}

/** When the answer that a front gives was made: an edge keeps its Date (RFC 9111, 5.1). */
function dateOf({ id, address, port }: StatusNode, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request({ host: address, port, path, agent: false, headers: { host }, timeout: answerTimeoutMs })
    call.on('response', (response) => {
      response.resume()
      const ms = Date.parse(response.headers.date ?? '')
      if (response.statusCode === 200 && !Number.isNaN(ms)) resolve(ms)
      else reject(new TenfoldError('unavailable', `${id} answered ${path} with ${response.statusCode}`))
    })
    call.on('timeout', () => call.destroy(new TenfoldError('timeout', `${id} does not answer ${path}`)))
    call.on('error', reject)
    call.end()
  })
}
