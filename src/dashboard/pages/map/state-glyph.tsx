// The state of a node as a shape, so that colour is never the only sign.

import type { StatusNode } from '../../../control/api.ts'

const shapes: Record<StatusNode['state'], preact.JSX.Element> = {
  ready: <path d="M3.2 7.4 6 10.2 10.8 4.4" />,
  starting: (
    <g>
      <path d="M7 2.5v2M7 9.500v2M2.500 7h2M9.500 7h2" />
    </g>
  ),
  draining: <path d="M7 3v8M3.600 7.800 7 11.200l3.400-3.400" />,
  down: <path d="M3.800 3.800l6.400 6.400M10.200 3.800l-6.400 6.400" />,
}

export function StateGlyph({ state }: { state: StatusNode['state'] }) {
  return (
    <svg class={`state-glyph is-${state}`} viewBox="0 0 14 14" width="16" height="16" aria-hidden="true">
      <circle cx="7" cy="7" r="7" />
      {shapes[state]}
    </svg>
  )
}
