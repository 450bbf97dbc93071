// What an earlier version of ours wrote lacks the keys of the topology that came since: they get their defaults.

import { isDeepStrictEqual } from 'node:util'
import { type MapNode, type SystemMap, sharedNodesOf } from '../map/map.ts'
import type { Step } from '../plan/step.ts'
import { frontSettingsOf } from '../topology/front-settings.ts'
import { resolveTopology } from '../topology/topology.ts'
import { webSettingsOf } from '../topology/web-settings.ts'
import type { Journal } from './journal.ts'

/** The same map when it lacks nothing. `source` is for errors. */
export function withNewKeys(map: SystemMap, source: string): SystemMap {
  const topology = resolveTopology(map.topology, source)
  const ofApp = webSettingsOf(topology, sharedNodesOf(map))
  const settings: Partial<Record<MapNode['role'], string>> = {
    front: frontSettingsOf(topology),
    web: ofApp,
    worker: ofApp,
  }
  // Its processes were started with it, and shall still be told apart from those of the next plan.
  const nodes = map.nodes.map((node) => {
    const own = settings[node.role]
    return own !== undefined && node.settings === undefined ? { ...node, settings: own } : node
  })
  const whole = { ...map, topology, nodes }
  return isDeepStrictEqual(whole, map) ? map : { ...whole, version: map.version + 1 }
}

export function journalWithNewKeys(journal: Journal, source: string): Journal {
  const steps = journal.steps.map(
    (step): Step =>
      step.kind === 'set-topology' ? { ...step, topology: resolveTopology(step.topology, source) } : step,
  )
  return { ...journal, steps, ...(journal.target && { target: resolveTopology(journal.target, source) }) }
}
