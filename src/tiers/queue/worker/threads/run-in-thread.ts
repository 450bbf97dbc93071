// What a thread of the pool runs: one job, with the handler that its file exports.

import { TenfoldError } from '../../../../base/errors.ts'
import type { Job } from '../../contract.ts'
import type { FromThread, ThreadTask } from './protocol.ts'

type HandlerInThread = (job: Job, given: unknown) => Promise<unknown>

/** Answers what the handler does. */
export async function runInThread({ file, job, given, port }: ThreadTask): Promise<unknown> {
  const module: { default?: unknown } = await import(file)
  if (typeof module.default !== 'function')
    throw new TenfoldError('bad-input', `${file} needs \`export default async (job) => {...}\``)
  const draining = new AbortController()
  port.on('message', (reason: string) => draining.abort(new TenfoldError('closed', reason)))
  const say = (said: FromThread) => port.postMessage(said)
  try {
    const whole: Job = {
      ...job,
      signal: draining.signal,
      progress: (value) => say({ kind: 'progress', value }),
      heartbeat: () => say({ kind: 'heartbeat' }),
    }
    return await (module.default as HandlerInThread)(whole, given)
  } finally {
    port.close()
  }
}
