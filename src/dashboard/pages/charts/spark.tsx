// A line without axes: which way a figure goes. Decoration; the figure itself stands beside it as text.

interface Props {
  /** Oldest first; the newest stands at the right edge. */
  values: ReadonlyArray<number | null>
  /** How many values fill the whole width. */
  slots: number
  class?: string
}

const width = 100
const height = 24

export function Spark({ values, slots, class: className = '' }: Props) {
  const most = Math.max(0, ...values.map((value) => value ?? 0))
  if (values.length < 2 || most === 0) return null
  const xOf = (index: number) => width - ((values.length - 1 - index) / (slots - 1)) * width
  const line = values
    .map((value, index) => `${xOf(index).toFixed(1)} ${(height - 1 - ((value ?? 0) / most) * (height - 3)).toFixed(1)}`)
    .join(' L ')
  return (
    <svg class={`spark ${className}`} viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
      <path class="spark-area" d={`M ${xOf(0).toFixed(1)} ${height} L ${line} L ${width} ${height} Z`} />
      <path class="spark-line" d={`M ${line}`} vector-effect="non-scaling-stroke" />
    </svg>
  )
}
