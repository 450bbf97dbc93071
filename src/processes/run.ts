// The life of every process of ours: open, serve, and drain and stop on SIGTERM, when another one answers in its place,
// or on SIGINT, when the whole system stops. A second signal does not hurry it.

import { flushCompileCache } from 'node:module'
import { describeError, isTenfoldError } from '../base/errors.ts'
import type { Service } from '../base/lifecycle.ts'
import { openContext, type ProcessContext } from './context.ts'
import type { DoorHandlers } from './door/contract.ts'
import { DoorServer } from './door/server.ts'

/** A role: a service and what its door does. Its `stop` drains first. */
export type Role = Service & DoorHandlers

/** Runs one role until SIGTERM; sets the exit code to 1 when it could not start. */
export async function runProcess(open: (context: ProcessContext) => Promise<Role>): Promise<void> {
  const context = await openContext()
  const { log } = context
  try {
    const role = await open(context)
    const door = new DoorServer(context.home, context.nodeId, role)
    await role.start()
    await door.start()
    log.info({ pid: process.pid }, 'ready')
    // A process that is killed later leaves its compiled code to the one that takes its place.
    flushCompileCache()
    let isStopping = false
    const stop = async (signal: string) => {
      if (isStopping) return
      isStopping = true
      log.info({ signal }, 'draining')
      context.closesIdle = signal === 'SIGINT'
      try {
        await role.stop()
        await door.stop()
        await context.map.stop()
        log.info('stopped')
        process.exitCode = 0
      } catch (error) {
        log.error({ err: error }, 'did not stop cleanly')
        process.exitCode = 1
      }
      // Whatever still holds the loop open (a handler that hangs, a pool) has had its time.
      setTimeout(() => process.exit(), 500).unref()
    }
    process.on('SIGTERM', () => void stop('SIGTERM'))
    process.on('SIGINT', () => void stop('SIGINT'))
  } catch (error) {
    // What a person can mend is said in one line; anything else needs its stack.
    log.fatal(isTenfoldError(error) ? {} : { err: error }, describeError(error))
    await context.map.stop()
    process.exitCode = 1
    setTimeout(() => process.exit(), 100).unref()
  }
}
