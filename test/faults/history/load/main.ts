// The recorder's process: a clock and an event loop that neither the test nor the system can slow. Ends with its parent.

import { describeError } from '../../../../src/base/errors.ts'
import type { Call, Reply } from './messages.ts'
import { Recorder } from './recorder.ts'

let recorder: Recorder | undefined

async function answer(call: Call): Promise<unknown> {
  if (call.name === 'start') {
    recorder = new Recorder(call.argument)
    recorder.start()
    return null
  }
  if (!recorder) throw new Error(`${call.name} comes after start`)
  if (call.name === 'aim') recorder.aim(call.argument)
  return call.name === 'stop' ? recorder.stop() : call.name === 'final' ? recorder.final() : null
}

function send(reply: Reply): void {
  if (process.connected) process.send?.(reply)
}

process.on('message', (call: Call) => {
  answer(call).then(
    (result) => send({ id: call.id, result }),
    (error: unknown) => send({ id: call.id, error: describeError(error) }),
  )
})
process.on('disconnect', () => process.exit())
