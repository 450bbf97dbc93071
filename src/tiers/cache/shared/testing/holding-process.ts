// A process that holds a lock until it is killed, for the suite: an engine's script of its own, which says `TOKEN MS` when it
// has the lock, with how long ago it had asked for it.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

export interface HoldingProcess {
  token: number
  /** So long before this was returned the lock had been asked for, at most. */
  saidAfterMs: number
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
}

/** The script finds the lock's terms in NAME and HOLD_MS, beside `env`. */
export async function startHoldingProcess(
  script: URL,
  env: Readonly<Record<string, string>>,
  { name, holdMs }: { name: string; holdMs: number },
): Promise<HoldingProcess> {
  const child = spawn(process.execPath, ['-C', 'source', script.pathname], {
    env: { ...process.env, ...env, NAME: name, HOLD_MS: String(holdMs) },
    stdio: ['pipe', 'pipe', 'inherit'], // it ends with its stdin, should this process die first
  })
  const exited = once(child, 'exit')
  const kill = async () => {
    child.kill('SIGKILL')
    await exited
  }
  for await (const line of createInterface({ input: child.stdout })) {
    const [token, askedAtMs] = line.split(' ')
    return { token: Number(token), saidAfterMs: Date.now() - Number(askedAtMs), kill }
  }
  throw new Error(`the process that was to hold ${name} ended without it`)
}

/** What such a script does with the locks that it has opened. */
export async function holdUntilKilled(
  acquire: (name: string, holdMs: number) => Promise<{ token: number } | undefined>,
) {
  const { NAME = '', HOLD_MS = '' } = process.env
  const askedAtMs = Date.now()
  const lock = await acquire(NAME, Number(HOLD_MS))
  if (!lock) throw new Error(`somebody has ${NAME}`)
  console.log(`${lock.token} ${askedAtMs}`)
  process.stdin.on('close', () => process.exit()).resume()
}
