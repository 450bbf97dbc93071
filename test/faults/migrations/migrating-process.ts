// A process that migrates, to be killed.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { TestPostgres } from '../../../src/programs/postgres/testing.ts'

const script = `
  import { migrate } from ${JSON.stringify(join(import.meta.dirname, '../../../src/tiers/database/migrations/migrate.ts'))}
  const { connection, dir } = JSON.parse(process.env.MIGRATION)
  await migrate({ connection, sources: [{ name: 'app', dir }], onProgress: (line) => console.log(line) })
`

export interface MigratingProcess {
  child: ChildProcess
  output(): string
  /** Its exit code; null when it was killed. */
  ended: Promise<number | null>
}

export function startMigratingProcess({ address, port, secrets }: TestPostgres, dir: string): MigratingProcess {
  const connection = { address, port, password: secrets.owner }
  const child = spawn(process.execPath, ['-C', 'source', '--input-type=module', '-e', script], {
    env: { ...process.env, MIGRATION: JSON.stringify({ connection, dir }) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (more: string) => {
      text += more
    })
  return { child, output: () => text, ended: once(child, 'close').then(([code]) => code as number | null) }
}
