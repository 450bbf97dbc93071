// What is known about a node, as pairs of word and value.

import type { NodeMetrics, Status, StatusNode, StatusShard } from '../../../control/api.ts'
import { useNow } from '../system/use-now.ts'
import { showBytes, showDuration, showMs, showPercent, showRate } from '../words/numbers.ts'

interface Props {
  node: StatusNode
  status: Status
  metrics: NodeMetrics
}

export function NodeFacts({ node, status, metrics }: Props) {
  const now = useNow()
  const shard = status.shards.find((candidate) => candidate.id === node.shard)
  const facts: Array<[word: string, value: string | undefined]> = [
    [`${node.state} for`, showDuration(now - Date.parse(node.since))],
    ['address', `${node.address}:${node.port}`],
    ['pid', node.pid === null ? 'none' : String(node.pid)],
    ['host', node.host],
    ['restarts', String(node.restarts)],
    ['requests', metrics.requestsPerSecond === undefined ? undefined : showRate(metrics.requestsPerSecond)],
    ['errors', metrics.errorsPerSecond === undefined ? undefined : showRate(metrics.errorsPerSecond)],
    ['p99', metrics.p99Ms === undefined ? undefined : showMs(metrics.p99Ms)],
    [
      node.role === 'redis' ? 'found' : 'from the edge',
      metrics.hitRatio === undefined
        ? undefined
        : `${showPercent(metrics.hitRatio * 100)} of ${node.role === 'redis' ? 'reads' : 'requests'}`,
    ],
    ['stands by', node.standsBy],
    ['in flight', metrics.inFlight === undefined ? undefined : String(metrics.inFlight)],
    ['cpu', metrics.cpuPercent === undefined ? undefined : showPercent(metrics.cpuPercent)],
    ['memory', metrics.memoryBytes === undefined ? undefined : showBytes(metrics.memoryBytes)],
    ['database', node.database],
    ['shard', shard && `${shard.id}, ${shard.slots} slots, timeline ${shard.timeline}`],
    ['lag', node.lagBytes === undefined ? undefined : `${showBytes(node.lagBytes)}, ${showMs(node.lagMs ?? 0)}`],
    ['made', node.fault],
    ['durability', shard?.primary === node.id ? showDurability(shard) : undefined],
  ]
  return (
    <dl class="facts">
      {facts.map(
        ([word, value]) =>
          value !== undefined && (
            <div key={word}>
              <dt>{word}</dt>
              <dd>{value}</dd>
            </div>
          ),
      )}
    </dl>
  )
}

/** In words: how many copies a write has before it is acknowledged. */
function showDurability({ durability, quorum }: StatusShard): string {
  return quorum ? `${durability}: ${quorum.count} of ${quorum.of.length} replicas before a write counts` : durability
}
