// A process of one system, asked one thing after the other.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { Task } from './peer.ts'
import type { Place } from './systems/system.ts'

export interface PeerProcess extends AsyncDisposable {
  ask<T>(task: Task): Promise<T>
}

export async function openProcess(name: string, place: Place): Promise<PeerProcess> {
  const child = fork(new URL('peer.ts', import.meta.url), [name, JSON.stringify(place)], {
    execArgv: ['-C', 'source'],
  })
  const ended = new AbortController()
  child.once('exit', (code) => ended.abort(new Error(`${name} ended with ${code}`)))
  await once(child, 'message', { signal: ended.signal })
  return {
    async ask(task) {
      child.send(task)
      const [answer] = await once(child, 'message', { signal: ended.signal })
      return answer
    },
    async [Symbol.asyncDispose]() {
      if (ended.signal.aborted) return
      child.disconnect()
      await once(child, 'exit')
    },
  }
}
