// `tenfold status`: the system at a glance.

import type { Status } from '../control/api.ts'
import { readSupervisorRecord, statusWithoutSupervisor } from '../control/status.ts'
import { readMap } from '../map/store.ts'
import type { Command, TargetSystem } from './command.ts'

export const status: Command = {
  name: 'status',
  usage: '',
  summary: 'the nodes, the shards, the climb under way',
  async run(target) {
    const answer = await readStatus(target)
    target.print(answer, describe(answer))
  },
}

async function readStatus(target: TargetSystem): Promise<Status> {
  if (await readSupervisorRecord(target.home)) return (await target.client()).status()
  return statusWithoutSupervisor(await readMap(target.home.map), await target.token())
}

function describe({
  rung,
  rungs,
  climbing,
  lastFailure,
  urls,
  nodes,
  shards,
  scale,
  brokers,
  backup,
  supervisor,
}: Status): string {
  const title = rungs.find((candidate) => candidate.number === rung)?.title ?? 'not reached yet'
  const rows = nodes.map((node) => [
    node.id,
    node.state,
    `${node.address}:${node.port}`,
    node.pid === null ? '-' : `pid ${node.pid}`,
    [
      node.database,
      node.standsBy === undefined ? undefined : `stands by ${node.standsBy}`,
      node.lagMs === undefined ? undefined : `${node.lagMs} ms behind`,
      node.fault === undefined ? undefined : `made ${node.fault}`,
      node.entry ? 'entry' : undefined,
      node.restarts ? `${node.restarts} restarts` : undefined,
    ]
      .filter(Boolean)
      .join(', '),
  ])
  const widths = [0, 1, 2, 3].map((column) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)))
  return [
    `rung ${rung}, ${title}${climbing ? `; climbing to ${climbing.to}: ${climbing.step} (${climbing.done + 1}/${climbing.of})` : ''}`,
    ...(lastFailure ? [`the last climb stopped: ${lastFailure}`] : []),
    ...(supervisor ? [] : ['no supervisor runs: `tenfold up` starts one that adopts what is there']),
    `app ${[urls.app, urls.tls].filter(Boolean).join(' and ')}  dashboard ${urls.dashboard}`,
    ...shards.filter(({ replicas }) => replicas.length > 0).map(describeShard),
    ...(scale.web ? [describeScale('web', scale.web)] : []),
    ...(scale.worker ? [describeScale('worker', scale.worker)] : []),
    ...(brokers ? [describeBrokers(brokers)] : []),
    ...(backup ? [describeBackup(backup)] : []),
    ...rows.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd()),
  ].join('\n')
}

function describeScale(
  role: 'web' | 'worker',
  { wanted, least, most, utilisation, trouble }: NonNullable<Status['scale']['web']>,
): string {
  const busy = utilisation === null ? '' : `, ${Math.round(utilisation * 100)}% busy`
  const problem = trouble === null ? '' : `; trouble: ${trouble}`
  return `${role}: the load asks for ${wanted}, between ${least} and ${most}${busy}${problem}`
}

function describeShard({ id, primary, timeline, durability, quorum }: Status['shards'][number]): string {
  const waits = quorum ? `: a write counts when ${quorum.count} of ${quorum.of.length} replicas have it` : ''
  return `${id}: primary ${primary}, timeline ${timeline}, durability ${durability}${waits}`
}

function describeBrokers({ nodes, left, version, isSynced }: NonNullable<Status['brokers']>): string {
  const where = nodes.length === 0 ? 'the database' : `${nodes.length === 1 ? 'one broker' : `${nodes.length} brokers`}`
  const of = version === null ? '' : ` (NATS ${version})`
  const weakness = '; before 2.10 a machine that goes down may lose the last two minutes of what it alone had'
  const moving = left.length === 0 ? '' : `; ${left.join(', ')} may still have jobs, which go back to the database`
  return `jobs lie in ${where}${of}${isSynced === false ? weakness : ''}${moving}`
}

function describeBackup({ to, lastBackupAt, archivedUntil, trouble }: NonNullable<Status['backup']>): string {
  const problem = trouble === null ? '' : `; trouble: ${trouble}`
  return `backups in ${to}: the last ${lastBackupAt ?? 'not taken yet'}, the log until ${archivedUntil ?? '-'}${problem}`
}
