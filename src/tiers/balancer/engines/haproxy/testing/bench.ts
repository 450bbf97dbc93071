// Where tests of this engine live, and what they do where HAProxy is not installed: skip and say so, and fail where it must be.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { describeError } from '../../../../../base/errors.ts'
import { waitUntil } from '../../../../../base/limits.ts'
import { findHaproxy } from '../../../../../programs/haproxy/binary.ts'
import type { Balancer, ListenOptions, Upstreams } from '../../../contract.ts'
import { limitMs } from '../../../testing/bench.ts'
import { openHaproxyBalancer } from '../engine.ts'
import type { HaproxyBalancerOptions } from '../options.ts'

/** Why it cannot be used here. */
const missing = await findHaproxy().then(() => undefined, describeError)

/** Runs `tests` where there is a HAProxy; else one test stands for them. */
export function withHaproxy(what: string, tests: () => void): void {
  if (missing === undefined) {
    tests()
    return
  }
  test(what, { skip: process.env['CI'] === 'true' ? false : missing }, () => {
    throw new Error(missing)
  })
}

export async function temporaryDir(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'tenfold-haproxy-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  return dir
}

/** One that listens on an address and is ready; closed after the test. */
export async function openReady(
  t: TestContext,
  upstreams: Upstreams,
  options: Partial<HaproxyBalancerOptions> = {},
  listen: ListenOptions = {},
): Promise<{ balancer: Balancer; port: number; dir: string }> {
  const dir = options.dir ?? (await temporaryDir(t))
  const limits = { observeIntervalMs: 30, ...options.limits }
  const balancer = await openHaproxyBalancer(upstreams, { ...options, dir, limits })
  t.after(() => balancer.close(0))
  await balancer.listen({ address: '127.0.0.1', port: 0 }, listen)
  await waitUntil(() => balancer.isReady(), { what: 'the first checks', timeoutMs: limitMs })
  return { balancer, dir, port: balancer.addresses()[0]?.port ?? 0 }
}
