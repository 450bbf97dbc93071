// As much as each takes: a closed loop of wrk against one after the other, before the same server, in rounds.

import * as measure from './measure.ts'
import { answeringNginx, type Command } from './programs.ts'

/** What both comparisons take from the command line. */
export const options = {
  seconds: { type: 'string', default: '3' },
  clients: { type: 'string', default: '64' },
  only: { type: 'string' },
} as const

interface Given {
  rounds: string
  seconds: string
  clients: string
  only?: string | undefined
}

/** The rounds, printed. `commandsOf`: what is started, each on its port, before the server. */
export async function compareAtFull(
  { what, bytes }: { what: string; bytes: number },
  { rounds, seconds, clients, only }: Given,
  commandsOf: (dir: string, serverPort: number) => Record<string, (port: number) => Promise<Command>>,
): Promise<measure.Rounds> {
  await using bench = await measure.Bench.open()
  const serverPort = await measure.freePort()
  await bench.start(await answeringNginx(bench.dir, serverPort, bytes), serverPort)
  const proxies = await bench.startAll(commandsOf(bench.dir, serverPort), only)
  measure.printMachine(`${what} of ${bytes} bytes, ${clients} kept connections,
${rounds} rounds of ${seconds} s in turns; medians`)
  const measured = await measure.inTurns(proxies, {
    rounds: Number(rounds),
    measure: (proxy, length = Number(seconds)) => measure.wrk(proxy, { seconds: length, clients: Number(clients) }),
  })
  measure.printTable(measured)
  measure.printRatios(measured)
  return measured
}
