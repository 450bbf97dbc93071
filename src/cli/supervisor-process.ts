// The process that runs the supervisor and the control API. `tenfold up` starts it; where a system runs without one, a
// process of that system starts it, so that it inherits the public socket.

import { lstat, mkdir, rm } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { parseArgs } from 'node:util'
import { describeError, isTenfoldError, TenfoldError } from '../base/errors.ts'
import { ControlPort } from '../control/port.ts'
import { ControlServer } from '../control/server.ts'
import { appPortOffset, controlPortOffset, type SupervisorRecord } from '../control/status.ts'
import { dashboardDir } from '../dashboard/assets.ts'
import { type Home, homeOf } from '../map/home.ts'
import type { SystemMap } from '../map/map.ts'
import { completeSecrets, makeSecrets, readSecrets, type Secrets } from '../map/secrets.ts'
import { readMapIfAny, replaceFile, undefinedIfNone, writeMap } from '../map/store.ts'
import { openLog } from '../processes/log.ts'
import { withNewKeys } from '../supervisor/new-keys.ts'
import { Supervisor } from '../supervisor/supervisor.ts'
import { resolveTopology } from '../topology/topology.ts'
import { emptyMap } from './first-map.ts'
import { packageVersion } from './version.ts'

const { values } = parseArgs({
  options: {
    home: { type: 'string' },
    app: { type: 'string' },
    'port-base': { type: 'string' },
    topology: { type: 'string' },
  },
})
const log = openLog('supervisor')

try {
  await run(homeOf(String(values.home)))
} catch (error) {
  // What a person can mend is said in one line; anything else is ours to mend and needs its stack.
  log.fatal(isTenfoldError(error) ? {} : { err: error }, describeError(error))
  process.exitCode = 1
  // Whatever was opened on the way does not keep a supervisor alive that supervises nothing.
  setTimeout(() => process.exit(), 100).unref()
}

async function run(home: Home): Promise<void> {
  await mkdir(home.logs, { recursive: true, mode: 0o755 })
  await makeOwnDirectory(home.doors)
  // The control port is also the lock: of two supervisors of one system, only one can have it, and before that none
  // writes anything.
  const reached = await readMapIfAny(home.map)
  const port = await ControlPort.open(
    (reached && reached.rung > 0 ? reached.portBase : Number(values['port-base'])) + controlPortOffset,
  )
  try {
    const existing = await readSecrets(home).catch(undefinedIfNone)
    const secrets = existing ? await completeSecrets(home, existing) : await makeSecrets(home)
    const map = await openMap(home)
    await serve(home, new Supervisor(home, map, secrets, log), secrets, port)
  } catch (error) {
    await port.close()
    throw error
  }
}

/** For sockets of ours only: its place may be in the temporary directory, where others can make directories too. */
async function makeOwnDirectory(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const { uid, mode } = await lstat(dir)
  if (uid === process.getuid?.() && (mode & 0o777) === 0o700) return
  throw new TenfoldError(
    'conflict',
    `${dir} belongs to someone else or is open to others; remove it, or choose a shorter --data`,
  )
}

async function serve(home: Home, supervisor: Supervisor, secrets: Secrets, port: ControlPort): Promise<void> {
  const record: SupervisorRecord = { pid: process.pid, since: new Date().toISOString() }
  const control = openControl(supervisor, secrets, record, port)
  await control.start()
  await supervisor.start()
  await replaceFile(home.supervisor, `${JSON.stringify(record)}\n`)
  await supervisor.booted()
  // A first start that did not arrive begins anew; later climbs wait to be asked for.
  if (supervisor.keeper.map.rung === 0 && supervisor.executor.progress === null)
    supervisor.executor.apply(supervisor.keeper.map.topology)
}

function openControl(
  supervisor: Supervisor,
  secrets: Secrets,
  record: SupervisorRecord,
  port: ControlPort,
): ControlServer {
  let isLettingGo = false
  const letGo = async () => {
    if (isLettingGo) return
    isLettingGo = true
    await control.stop()
    await supervisor.stop()
    await rm(supervisor.home.supervisor, { force: true })
    process.exit()
  }
  const control = new ControlServer(supervisor, {
    openPort: async () => port,
    token: secrets.controlToken,
    record,
    version: packageVersion(),
    dashboardDir: dashboardDir(),
    onDown: () => void letGo(),
  })
  process.on('SIGTERM', () => void letGo())
  return control
}

/** The map that is there, unless nothing was ever reached: then the topology that we were started with counts. */
async function openMap(home: Home): Promise<SystemMap> {
  const existing = await readMapIfAny(home.map)
  if (existing && existing.rung > 0) return renewed(home, existing)
  const topology = resolveTopology(JSON.parse(String(values.topology)))
  const portBase = Number(values['port-base'])
  const first = emptyMap({
    appDir: String(values.app),
    portBase,
    entry: { address: '127.0.0.1', port: portBase + appPortOffset },
    hasHostAddresses: process.platform === 'linux' && 'lo' in networkInterfaces(),
    topology,
  })
  const map = existing
    ? { ...existing, ...first, system: existing.system, nodes: existing.nodes, shards: existing.shards }
    : first
  await writeMap(home.map, map)
  return map
}

async function renewed(home: Home, map: SystemMap): Promise<SystemMap> {
  const whole = withNewKeys(map, home.map)
  if (whole !== map) await writeMap(home.map, whole)
  return whole
}
