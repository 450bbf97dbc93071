// The queues: what waits in each and since when, how fast it goes, and what died there.

import { useState } from 'preact/hooks'
import type { QueueState } from '../../../control/api.ts'
import type { ControlClient } from '../../../control/client.ts'
import { showDuration, showMs, showRate } from '../words/numbers.ts'
import { DeadDialog } from './dead-dialog.tsx'
import { useQueue } from './use-queue.ts'

export function QueuePane({ client }: { client: ControlClient }) {
  const { summary, failure } = useQueue(client)
  const [opened, open] = useState<string | null>(null)
  return (
    <div class="queues">
      {failure !== null && (
        <p class="failure" role="alert">
          {failure}
        </p>
      )}
      {summary?.queues.length === 0 && <p class="dim queues-none">No queue has had a job yet.</p>}
      {summary !== null && summary.queues.length > 0 && (
        <table class="queue-table">
          <thead>
            <tr>
              <th scope="col">Queue</th>
              <th scope="col">Waiting</th>
              <th scope="col">Oldest</th>
              <th scope="col">Delayed</th>
              <th scope="col">At work</th>
              <th scope="col">Done</th>
              <th scope="col">Failed</th>
              <th scope="col">Mean run</th>
              <th scope="col">Dead</th>
            </tr>
          </thead>
          <tbody>
            {summary.queues.map((queue) => (
              <Row key={queue.queue} queue={queue} onOpen={() => open(queue.queue)} />
            ))}
          </tbody>
        </table>
      )}
      {opened !== null && <DeadDialog queue={opened} client={client} onClose={() => open(null)} />}
    </div>
  )
}

function Row({ queue: state, onOpen }: { queue: QueueState; onOpen: () => void }) {
  const { queue, waiting, isMore, oldestMs, delayed, leased, dead, donePerSecond, failedPerSecond } = state
  const runs = state.durations.reduce((sum, count) => sum + count, 0)
  return (
    <tr data-queue={queue}>
      <th scope="row" class="mono">
        {queue}
      </th>
      <td>
        {waiting}
        {isMore && '+'}
      </td>
      <td>{waiting === 0 ? '' : oldestMs < 1000 ? showMs(oldestMs) : showDuration(oldestMs)}</td>
      <td>{delayed}</td>
      <td>{leased}</td>
      <td>{showRate(donePerSecond)}</td>
      <td class={failedPerSecond > 0 ? 'is-bad' : undefined}>{showRate(failedPerSecond)}</td>
      <td>{runs === 0 ? '' : showMs(state.durationSumMs / runs)}</td>
      <td>
        {dead === 0 ? (
          0
        ) : (
          <button type="button" class="link is-bad" aria-label={`${dead} dead jobs of ${queue}`} onClick={onOpen}>
            {dead}
          </button>
        )}
      </td>
    </tr>
  )
}
