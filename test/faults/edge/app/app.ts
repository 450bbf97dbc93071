// The app under test: answers that may be kept as the request wants, a count of how often each was made, over all web servers,
// and a file that keeps a process from starting.

import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { defineApp, TenfoldError } from '../../../../src/index.ts'

const home = String(process.env['TENFOLD_HOME'])

/** Query of an answer: its cache-control, its tag, how long it takes. */
interface Wanted {
  control?: string
  tag?: string
  delayMs?: string
}

export default defineApp({
  setup({ http }) {
    if (existsSync(join(home, 'broken'))) throw new Error('the test wants it broken')

    http.get<{ Params: { name: string }; Querystring: Wanted }>('/made/:name', async ({ params, query }, reply) => {
      const file = fileOf(params.name)
      appendFileSync(file, '.')
      const { control = 'max-age=60', tag, delayMs = '0' } = query
      await sleep(Number(delayMs))
      if (tag !== undefined) reply.header('cache-tag', tag)
      return reply
        .header('cache-control', control)
        .type('text/plain')
        .send(`${params.name} ${timesOf(file)}`)
    })
    http.get<{ Params: { name: string } }>('/times/:name', async ({ params }, reply) =>
      reply.header('cache-control', 'no-store').send({ times: timesOf(fileOf(params.name)) }),
    )
  },
})

function fileOf(name: string): string {
  if (!/^[a-z0-9-]+$/.test(name)) throw new TenfoldError('bad-input', `no name: ${name}`)
  return join(home, `made-${name}`)
}

function timesOf(file: string): number {
  return existsSync(file) ? readFileSync(file).length : 0
}
