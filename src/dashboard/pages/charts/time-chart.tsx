// One figure over the last five minutes: an area, its greatest value, and the value under the pointer.

import { useState } from 'preact/hooks'
import { historyPointsMax, type Point } from '../system/history.ts'

interface Props {
  title: string
  history: readonly Point[]
  values: ReadonlyArray<number | null>
  show: (value: number) => string
  tone?: 'flow' | 'error' | 'calm'
}

const width = 300
const height = 84
const top = 6

export function TimeChart({ title, history, values, show, tone = 'flow' }: Props) {
  const [hovered, setHovered] = useState<number | null>(null)
  const most = niceCeiling(Math.max(0, ...values.map((value) => value ?? 0)))
  const xOf = (index: number) => width - ((values.length - 1 - index) / (historyPointsMax - 1)) * width
  const yOf = (value: number) => height - (value / most) * (height - top)
  const index = hovered === null ? values.length - 1 : Math.min(Math.max(0, hovered), values.length - 1)
  const value = values[index] ?? null
  const at = history[index]?.at

  function hover(event: PointerEvent) {
    const box = (event.currentTarget as Element).getBoundingClientRect()
    const fromRight = 1 - (event.clientX - box.left) / box.width
    setHovered(values.length - 1 - Math.round(fromRight * (historyPointsMax - 1)))
  }

  return (
    <figure class={`chart tone-${tone}`}>
      <figcaption>
        <span>{title}</span>
        <strong>{value === null ? '–' : show(value)}</strong>
        <span class="dim chart-when">
          {hovered !== null && at !== undefined
            ? new Date(at).toLocaleTimeString('en-GB')
            : most > 0 && `max ${show(most)}`}
        </span>
      </figcaption>
      <svg
        viewBox={`0 0 ${width} ${height}`}
        preserveAspectRatio="none"
        aria-hidden="true"
        onPointerMove={hover}
        onPointerLeave={() => setHovered(null)}
      >
        <path
          class="chart-grid"
          d={`M0 ${top}H${width}M0 ${(height + top) / 2}H${width}`}
          vector-effect="non-scaling-stroke"
        />
        {runsOf(values).map((run) => {
          const line = run.map(([at, figure]) => `${xOf(at).toFixed(1)} ${yOf(figure).toFixed(1)}`).join(' L ')
          const [first, last] = [run[0]?.[0] ?? 0, run.at(-1)?.[0] ?? 0]
          return (
            <g key={first}>
              <path
                class="chart-area"
                d={`M ${xOf(first).toFixed(1)} ${height} L ${line} L ${xOf(last).toFixed(1)} ${height} Z`}
              />
              <path class="chart-line" d={`M ${line}`} vector-effect="non-scaling-stroke" />
            </g>
          )
        })}
        {hovered !== null && value !== null && (
          <path class="chart-cursor" d={`M${xOf(index)} 0V${height}`} vector-effect="non-scaling-stroke" />
        )}
      </svg>
    </figure>
  )
}

/** The stretches without a gap: nothing is drawn where nothing is known. */
function runsOf(values: ReadonlyArray<number | null>): Array<Array<[index: number, value: number]>> {
  const runs: Array<Array<[number, number]>> = []
  let isOpen = false
  values.forEach((value, index) => {
    if (value === null) isOpen = false
    else if (isOpen) runs.at(-1)?.push([index, value])
    else {
      runs.push([[index, value]])
      isOpen = true
    }
  })
  return runs
}

/** The next of 1, 2, 5 times a power of ten. Worked example: 34 -> 50. */
function niceCeiling(value: number): number {
  if (value <= 0) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  return power * ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10)
}
