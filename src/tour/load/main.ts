// The load process: an event loop of its own, so that neither the tour nor the system can slow the clock of the load.
// Started by load-process.ts; ends when its parent does.

import { describeError } from '../../base/errors.ts'
import { seededRandom } from '../../base/random.ts'
import { Ledger } from '../ledger.ts'
import { verifyLedger } from '../verify.ts'
import { LoadClient } from './client.ts'
import { Crowd } from './crowd.ts'
import { Generator, makeRunName, prepareCrowd } from './generator.ts'
import type { CallMessage, LoadCalls, LoadConfig, LoadMessage } from './messages.ts'
import { openReader } from './reader.ts'
import { Recorder } from './record.ts'

const progressIntervalMs = 1000

class Load {
  readonly #config: LoadConfig
  readonly #client: LoadClient
  readonly #crowd: Crowd
  #recorder: Recorder | undefined
  #generator: Generator | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(config: LoadConfig) {
    this.#config = config
    this.#client = new LoadClient(config.baseUrl, config)
    this.#crowd = new Crowd(new Ledger(), seededRandom(config.seed), makeRunName())
  }

  async prepare(): Promise<null> {
    await prepareCrowd(this.#client, this.#crowd, this.#config)
    return null
  }

  start(): null {
    const recorder = new Recorder(nowMs())
    this.#recorder = recorder
    this.#generator = new Generator(this.#client, this.#crowd, recorder, this.#config)
    this.#generator.start()
    this.#timer = setInterval(() => send({ progress: recorder.progress(nowMs()) }), progressIntervalMs)
    return null
  }

  phase(): null {
    this.#recorder?.beginPhase(nowMs())
    return null
  }

  async stop(): Promise<LoadCalls['stop']['result']> {
    if (!this.#generator || !this.#recorder) throw new Error('stop comes after start')
    clearInterval(this.#timer)
    this.#recorder.endPhase(nowMs())
    await this.#generator.stop()
    return this.#recorder.end(nowMs())
  }

  async verify({ settleMs }: LoadCalls['verify']['argument']): Promise<LoadCalls['verify']['result']> {
    return await verifyLedger(this.#crowd.ledger, openReader(this.#client), { settleMs })
  }
}

let load: Load | undefined

async function answer(message: CallMessage): Promise<unknown> {
  if (message.name === 'prepare') {
    load = new Load(message.argument as LoadConfig)
    return load.prepare()
  }
  if (!load) throw new Error(`${message.name} comes after prepare`)
  if (message.name === 'verify') return load.verify(message.argument as LoadCalls['verify']['argument'])
  return load[message.name]()
}

function send(message: LoadMessage): void {
  if (process.connected) process.send?.(message)
}

function nowMs(): number {
  return performance.timeOrigin + performance.now()
}

process.on('message', (message: CallMessage) => {
  answer(message).then(
    (result) => send({ id: message.id, result }),
    (error: unknown) => send({ id: message.id, error: describeError(error) }),
  )
})
process.on('disconnect', () => process.exit())
