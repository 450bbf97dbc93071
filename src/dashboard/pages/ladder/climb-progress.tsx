// The climb that runs, over the map: which step, how many are done.

import type { Progress } from '../../../control/api.ts'

export function ClimbProgress({ progress, rung }: { progress: Progress; rung: number }) {
  const { to, step, done, of } = progress
  const way = to > rung ? `Climbing to rung ${to}` : to < rung ? `Descending to rung ${to}` : 'Changing the system'
  return (
    <output class="climb">
      <span class="climb-way">{way}</span>
      <span class="climb-step">{step}</span>
      <span class="climb-count">
        {done} of {of}
      </span>
      <progress max={Math.max(1, of)} value={done} aria-label={way} />
    </output>
  )
}
