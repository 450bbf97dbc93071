// The process beside a worker in which suspect jobs run: the same app, and nothing but the jobs that its worker sends. It
// has no door and no signals to mind: it ends with its worker, or when its worker ends it.

import { describeError } from '../base/errors.ts'
import { openAppRuntime } from './app-runtime.ts'
import { openContext } from './context.ts'

const context = await openContext()
try {
  const runtime = await openAppRuntime(context, { inFlight: () => 0, notReady: () => undefined })
  runtime.serveQuarantine()
} catch (error) {
  context.log.fatal({ err: error }, describeError(error))
  process.exit(1)
}
