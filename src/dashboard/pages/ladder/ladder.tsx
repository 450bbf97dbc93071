// The eleven rungs, the first at the bottom: where the system stands, and the two ways to go from there.

import { useState } from 'preact/hooks'
import type { Progress, Status } from '../../../control/api.ts'
import type { ControlClient } from '../../../control/client.ts'
import { ClimbDialog } from './climb-dialog.tsx'

interface Props {
  status: Status
  progress: Progress | null
  client: ControlClient
}

export function Ladder({ status, progress, client }: Props) {
  const [target, setTarget] = useState<number | null>(null)
  const { rung, rungs } = status
  const built = rungs.filter(({ isBuilt }) => isBuilt)
  const above = built.find(({ number }) => number > rung)
  const below = built.findLast(({ number }) => number < rung)
  const isBusy = progress !== null

  return (
    <nav class="ladder" aria-label="The ladder">
      <h2>The ladder</h2>
      <ol class="rungs" reversed>
        {rungs.toReversed().map((each) => {
          const isCurrent = each.number === rung
          const classes = ['rung']
          if (each.number <= rung && each.isBuilt) classes.push('is-reached')
          if (isCurrent) classes.push('is-current')
          if (!each.isBuilt) classes.push('is-unbuilt')
          if (progress?.to === each.number) classes.push('is-target')
          return (
            <li
              key={each.number}
              data-rung={each.number}
              class={classes.join(' ')}
              aria-current={isCurrent ? 'step' : undefined}
            >
              <span class="rung-bar" aria-hidden="true" />
              <button
                type="button"
                disabled={isCurrent || !each.isBuilt || isBusy}
                title={each.isBuilt ? undefined : `Would bring: ${each.appears}`}
                onClick={() => setTarget(each.number)}
              >
                <span class="rung-number">{each.number}</span>
                <span class="rung-words">
                  <span class="rung-title">
                    {each.title} {isCurrent && <span class="tag is-here">here</span>}
                  </span>
                  <span class="rung-appears">{each.isBuilt ? each.appears : 'not built in this version'}</span>
                </span>
              </button>
            </li>
          )
        })}
      </ol>
      <div class="ladder-actions">
        <button
          type="button"
          class="button is-main"
          disabled={isBusy || !above}
          onClick={() => setTarget(above?.number ?? null)}
        >
          <Arrow /> {above ? `Climb to ${above.number}` : 'At the top'}
        </button>
        <button
          type="button"
          class="button"
          disabled={isBusy || !below}
          onClick={() => setTarget(below?.number ?? null)}
        >
          <Arrow isDown /> {below ? `Descend to ${below.number}` : 'At the foot'}
        </button>
      </div>
      {target !== null && (
        <ClimbDialog status={status} target={target} client={client} onClose={() => setTarget(null)} />
      )}
    </nav>
  )
}

function Arrow({ isDown = false }: { isDown?: boolean }) {
  return (
    <svg viewBox="0 0 14 14" width="14" height="14" aria-hidden="true" class="button-icon">
      <path d={isDown ? 'M7 2v10M3 8l4 4 4-4' : 'M7 12V2M3 6l4-4 4 4'} />
    </svg>
  )
}
