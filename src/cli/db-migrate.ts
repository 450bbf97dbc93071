// `tenfold db migrate`: the app's pending files of SQL, on every shard, now, while the app runs. A deploy does the same at
// the start of its processes; whoever builds large indexes does it before.

import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { describeError } from '../base/errors.ts'
import type { SystemMap } from '../map/map.ts'
import { readSecrets } from '../map/secrets.ts'
import { MapSubscription } from '../map/subscription.ts'
import { loadApp } from '../processes/load-app.ts'
import { checkAll, migrateAll, type ShardCheck } from '../processes/migrate-all.ts'
import type { Command } from './command.ts'

export const dbMigrate: Command = {
  name: 'db migrate',
  usage: '[--check]',
  summary: 'apply pending migrations beside the traffic; --check only says what would be refused',
  options: { check: { type: 'boolean' } },
  async run(target, _words, values) {
    const map = new MapSubscription(target.home.map)
    await map.start()
    try {
      const dir = await migrationsOf(map.current)
      const isAlone = map.current.shards.length === 1
      const log = {
        info: ({ shard }: { shard: string }, message: string) =>
          target.note(isAlone ? message : `${shard}: ${message}`),
      }
      const context = { map, secrets: await readSecrets(target.home), log }
      if (values['check']) {
        const shards = await checkAll(context, dir)
        target.print({ shards }, describeCheck(shards))
        if (shards.some(({ verdicts }) => verdicts.some(({ verdict }) => verdict === 'refuse'))) process.exitCode = 1
        return
      }
      const shards = await migrateAll(context, dir)
      const applied = [...new Set(shards.flatMap((shard) => shard.applied))]
      if (applied.length > 0)
        await (await target.client()).schemaChanged().catch((error: unknown) => {
          target.note(`running processes will learn of new tables when they are started anew: ${describeError(error)}`)
        })
      target.print({ shards }, applied.length === 0 ? 'nothing to do' : `applied ${applied.join(', ')}`)
    } finally {
      await map.stop()
    }
  },
}

/** The app's own. A program (`web.command`) may have an app beside it for their sake, or none: then there are those of the tiers alone. */
async function migrationsOf(map: SystemMap): Promise<string | undefined> {
  const { topology, appDir } = map
  const file = resolve(appDir, topology.app)
  if (topology.web.command !== undefined && !existsSync(file)) return undefined
  const { migrations } = await loadApp(map)
  return migrations === undefined ? undefined : resolve(dirname(file), migrations)
}

function describeCheck(shards: readonly ShardCheck[]): string {
  const pending = [...new Set(shards.flatMap((shard) => shard.pending))]
  if (pending.length === 0) return 'nothing is pending'
  const said = shards.flatMap(({ shard, verdicts }) =>
    verdicts.map(({ verdict, message }) => `${shards.length > 1 ? `${shard}: ` : ''}${verdict}: ${message}`),
  )
  return [`pending: ${pending.join(', ')}`, ...said].join('\n\n')
}
